#include "common/guard/new_mac.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "common/guard/frame.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/steps.h"

namespace guard {
namespace {

using base::MacAddress;
using netlink::Neighbour;
using netlink::NetlinkSocket;
using netlink::PortEntry;

std::vector<PortEntry> entries_beside(NetlinkSocket& host, const netlink::Link& port) {
  return port.master == 0 ? std::vector<PortEntry>() : netlink::port_entries_of(host, port.master);
}

bool has_fixed(NetlinkSocket& host, const netlink::Link& port, const MacAddress& mac) {
  const auto entries = entries_beside(host, port);
  return std::any_of(entries.begin(), entries.end(), [&](const PortEntry& entry) {
    return entry.kind == PortEntry::Kind::fixed && entry.port == port.ifindex && entry.mac == mac;
  });
}

void allow_link_local(NetlinkSocket& nft, int port, const MacAddress& mac) {
  const auto present = elements(nft);
  if (!present) return;
  const auto known = present->sources.find(port);
  if (known == present->sources.end() ||
      std::none_of(known->second.begin(), known->second.end(),
                   [](const base::IpAddress& address) { return address.is_link_local(); }))
    return;
  guard_ports(nft, {{.ifindex = port,
                     .sources = {link_local_of(mac)},
                     .checks_sources = present->guarded.contains(port),
                     .has_nested_macs = present->nested.contains(port)}});
}

}  // namespace

std::string holder_of(NetlinkSocket& host, const Reached& pod, const MacAddress& mac) {
  for (const netlink::Link& link : pod.links)
    if (link.mac == mac) return fmt::format("the node's '{}'", link.name);
  for (const PortEntry& entry : entries_beside(host, pod.port)) {
    if (entry.mac != mac || entry.kind == PortEntry::Kind::learned) continue;
    if (entry.kind == PortEntry::Kind::own) return "the node's bridge";
    if (entry.port != pod.port.ifindex)
      return fmt::format("the pod behind the bridge's port with index {}", entry.port);
  }
  return {};
}

void move_to_mac(NetlinkSocket& host, NetlinkSocket* nft, const Reached& pod, const MacAddress& from,
                 const MacAddress& to) {
  if (from == to) return;
  if (nft) allow_link_local(*nft, pod.port.ifindex, to);
  netlink::Steps steps;
  const bool is_fixed = has_fixed(host, pod.port, from);
  if (is_fixed)
    steps.add(netlink::put_port_entry_request(pod.port.ifindex, to),
              fmt::format("fix {} to bridge port {}", to, pod.port.name));
  for (const netlink::Link& link : pod.links)
    for (const base::Family family : base::kFamilies)
      for (Neighbour one : netlink::neighbours_of(host, link.ifindex, family)) {
        if (!one.permanent || one.mac != from) continue;
        one.mac = to;
        steps.add(netlink::put_neighbour_request(one),
                  fmt::format("fix the node's neighbour entry of {}", one.address));
      }
  steps.run(host, 0);
  if (is_fixed) {
    steps.add(netlink::remove_port_entry_request(pod.port.ifindex, from),
              fmt::format("release {} from bridge port {}", from, pod.port.name));
    steps.run(host, ENOENT);
  }
}

}  // namespace guard
