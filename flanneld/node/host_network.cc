#include "flanneld/node/host_network.h"

#include <algorithm>
#include <tuple>

#include "common/netlink/link.h"

namespace flanneld {

using base::Family;
using base::IpAddress;

std::vector<IpAddress> HostInterface::usable_addresses(Family family) const {
  std::vector<const netlink::Address*> usable;
  for (const netlink::Address& one : addresses) {
    const IpAddress& ip = one.net.address;
    if (ip.family() == family && !ip.is_loopback() && !ip.is_multicast() && !ip.is_unspecified() &&
        !one.deprecated && !one.dad_failed)
      usable.push_back(&one);
  }
  const auto rank = [](const netlink::Address* one) {
    return std::tuple(one->net.address.is_link_local(), !one->permanent, one->secondary);
  };
  std::stable_sort(usable.begin(), usable.end(),
                   [&](const auto* a, const auto* b) { return rank(a) < rank(b); });
  std::vector<IpAddress> result;
  result.reserve(usable.size());
  for (const netlink::Address* one : usable) result.push_back(one->net.address);
  return result;
}

bool HostInterface::holds(const IpAddress& ip) const {
  return !ip.is_loopback() &&
         std::any_of(addresses.begin(), addresses.end(),
                     [&](const netlink::Address& one) { return one.net.address == ip && !one.dad_failed; });
}

HostNetwork read_host_network(netlink::NetlinkSocket& socket) {
  HostNetwork host;
  for (const netlink::Link& link : netlink::all_links(socket))
    host.interfaces.push_back({link.ifindex, link.name, link.flags, link.mtu, {}});
  for (const netlink::Address& address : netlink::all_addresses(socket))
    for (HostInterface& interface : host.interfaces)
      if (interface.ifindex == address.ifindex) interface.addresses.push_back(address);
  host.default_v4 = netlink::default_routes(socket, Family::v4);
  host.default_v6 = netlink::default_routes(socket, Family::v6);
  host.route_toward = [&socket](const IpAddress& ip) { return netlink::route_toward(socket, ip); };
  return host;
}

}  // namespace flanneld
