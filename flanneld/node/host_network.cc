#include "flanneld/node/host_network.h"

#include <net/if.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace flanneld {

using base::Family;
using base::IpAddress;

bool HostInterface::is_up() const { return (flags & IFF_UP) != 0; }

std::vector<IpAddress> HostInterface::usable_addresses(Family family) const {
  std::vector<const netlink::Address*> usable;
  for (const netlink::Address& one : addresses) {
    const IpAddress& ip = one.net.address;
    if (ip.family() == family && !ip.is_loopback() && !ip.is_multicast() && !ip.is_unspecified() &&
        !one.deprecated && !one.dad_failed)
      usable.push_back(&one);
  }
  const auto rank = [](const netlink::Address* one) {
    const bool has_network = one->net.prefix < one->net.address.bits();
    return std::tuple(one->net.address.is_link_local(), one->permanent && !has_network, !one->permanent,
                      one->secondary);
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

HostNetwork read_host_network(netlink::NetlinkSocket& socket, const IsFlannels& is_flannels) {
  HostNetwork host;
  const std::vector<netlink::Link> links = netlink::all_links(socket);
  std::set<int> of_pods;
  for (const netlink::Link& link : links)
    if (is_flannels(link)) of_pods.insert(link.ifindex);
  for (const netlink::Link& link : links)
    host.interfaces.push_back(
        {.ifindex = link.ifindex,
         .name = link.name,
         .flags = link.flags,
         .mtu = link.mtu,
         .addresses = {},
         .is_flannels = of_pods.contains(link.ifindex) || of_pods.contains(link.master)});
  for (const netlink::Address& address : netlink::all_addresses(socket))
    for (HostInterface& interface : host.interfaces)
      if (interface.ifindex == address.ifindex) interface.addresses.push_back(address);
  host.default_v4 = netlink::default_routes(socket, Family::v4);
  host.default_v6 = netlink::default_routes(socket, Family::v6);
  host.route_toward = [&socket](const IpAddress& ip) { return netlink::route_toward(socket, ip); };
  return host;
}

}  // namespace flanneld
