// What DEL and GC remove of protection.h.
#include <algorithm>

#include "cni-flannel/bridge/protection.h"
#include "cni-flannel/pod/attachment_names.h"
#include "cni-flannel/pod/remove_pair.h"
#include "cni-ipam/holders.h"
#include "common/cni/error.h"
#include "common/guard/frame.h"
#include "common/netfilter/nft_socket.h"
#include "common/netlink/neighbour.h"

namespace flannel {
namespace {

using base::IpAddress;
using base::MacAddress;
using netlink::Link;
using netlink::Neighbour;
using netlink::NetlinkSocket;

/// The configuration as DEL reads it: whatever is wrong with a key must not keep an attachment alive.
BridgeConf lenient_conf(const cni::Request& request) {
  try {
    return parse_bridge_conf(request);
  } catch (const std::exception&) {
    BridgeConf conf;
    conf.is_gateway = true;
    return conf;
  }
}

std::optional<Link> gateway_link(NetlinkSocket& host, const BridgeConf& conf) {
  return netlink::find_link(host, conf.vlan != 0 && conf.is_gateway ? conf.vlan_gateway() : conf.bridge);
}

std::vector<MacAddress> fixed_macs(NetlinkSocket& host, const std::string& bridge_name) {
  std::vector<MacAddress> macs;
  const auto bridge = netlink::find_link(host, bridge_name);
  if (!bridge) return macs;
  for (const netlink::PortEntry& entry : netlink::port_entries_of(host, bridge->ifindex))
    if (entry.kind == netlink::PortEntry::Kind::fixed) macs.push_back(entry.mac);
  return macs;
}

bool contains(const std::vector<MacAddress>& macs, const MacAddress& mac) {
  return std::find(macs.begin(), macs.end(), mac) != macs.end();
}

/// The node's permanent entries of the attachment's addresses, of none that another pod has by now.
std::vector<Neighbour> find_neighbours(NetlinkSocket& host, const cni::Request& request,
                                       const BridgeConf& conf, const std::vector<IpAddress>& addresses) {
  const auto link = gateway_link(host, conf);
  if (!link) return {};  // and its entries with it
  std::vector<Neighbour> found;
  for (const IpAddress& address : addresses) {
    const auto entry = netlink::find_neighbour(host, link->ifindex, address);
    if (!entry || !entry->permanent) continue;
    if (ipam::is_leased_to(request, address) || !contains(fixed_macs(host, conf.bridge), entry->mac))
      found.push_back(*entry);
  }
  return found;
}

std::vector<IpAddress> addresses_of(const cni::Request& request, const std::optional<cni::Result>& result) {
  std::vector<IpAddress> addresses = ipam::addresses_of(request);
  if (result)
    for (const cni::IpConfig& ip : result->ips)
      if (std::find(addresses.begin(), addresses.end(), ip.address.address) == addresses.end())
        addresses.push_back(ip.address.address);
  return addresses;
}

}  // namespace

void unprotect_pod(const cni::Request& request, const std::optional<std::string>& port) {
  const BridgeConf conf = lenient_conf(request);
  const auto result = lenient_result(request);
  const std::vector<IpAddress> addresses = addresses_of(request, result);
  NetlinkSocket host = NetlinkSocket::open();
  const std::vector<Neighbour> neighbours = find_neighbours(host, request, conf, addresses);
  netlink::remove_neighbours(host, neighbours);
  guard::release_gone_port(host, port.value_or(host_veth_name(request.attachment, 0)));
}

void collect_protection(const BridgeConf& conf) {
  NetlinkSocket host = NetlinkSocket::open();
  if (auto nft = netfilter::open_nft_socket()) guard::collect(*nft, host);
  const auto link = gateway_link(host, conf);
  if (!link) return;
  std::vector<Neighbour> stale;
  for (const base::IpNet& subnet : conf.subnets)
    for (const Neighbour& one : netlink::neighbours_of(host, link->ifindex, subnet.address.family()))
      if (one.permanent && subnet.contains(one.address)) stale.push_back(one);
  // After the neighbours: an ADD fixes the MAC to its port first.
  const auto macs = fixed_macs(host, conf.bridge);
  std::erase_if(stale, [&](const Neighbour& one) { return contains(macs, one.mac); });
  netlink::remove_neighbours(host, stale);
}

}  // namespace flannel
