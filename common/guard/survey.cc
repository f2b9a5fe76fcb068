#include "common/guard/survey.h"

#include <algorithm>

namespace guard {

using netlink::Link;

std::vector<Link> pod_ports(netlink::NetlinkSocket& host, int bridge) {
  std::vector<Link> ports = netlink::ports_of(host, bridge);
  std::erase_if(ports, [](const Link& link) { return link.kind != "veth" || !link.peer_netns; });
  return ports;
}

size_t count_guarded(const Elements& elements, const std::vector<Link>& ports) {
  return static_cast<size_t>(std::count_if(
      ports.begin(), ports.end(), [&](const Link& port) { return elements.guarded.contains(port.ifindex); }));
}

std::vector<Port> find_lost(const Elements& before, const Elements& now, const std::vector<Link>& ports) {
  std::vector<Port> lost;
  for (const Link& link : ports) {
    const int index = link.ifindex;
    Port port{.ifindex = index,
              .sources = {},
              .checks_sources = before.guarded.contains(index) && !now.guarded.contains(index),
              .has_nested_macs = before.nested.contains(index) && !now.nested.contains(index)};
    if (const auto had = before.sources.find(index); had != before.sources.end()) port.sources = had->second;
    if (const auto has = now.sources.find(index); has != now.sources.end())
      std::erase_if(port.sources, [&](const base::IpAddress& address) {
        return std::find(has->second.begin(), has->second.end(), address) != has->second.end();
      });
    if (port.checks_sources || port.has_nested_macs || !port.sources.empty()) lost.push_back(std::move(port));
  }
  return lost;
}

}  // namespace guard
