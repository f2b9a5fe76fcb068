#include "flanneld/kernel/host_links.h"

#include <net/if.h>

#include <algorithm>

#include "common/netlink/address.h"

namespace flanneld {

HostLink host_link(const netlink::Link& link) {
  return {.name = link.name, .mtu = link.mtu, .up = link.is_up(), .running = (link.flags & IFF_RUNNING) != 0};
}

bool HostLinks::look(netlink::NetlinkSocket& socket, const NodePlan& plan, LinkIndexes& indexes) {
  const std::map<int, HostLink> before = std::exchange(links, {});
  const auto remember = [&](const netlink::Link& link) {
    links[link.ifindex] = host_link(link);
    if (before.contains(link.ifindex)) return;
    for (const netlink::Address& address : netlink::addresses_of(socket, link))
      addresses.insert({link.ifindex, address.net});
  };
  for (const std::string& name : plan.route_links) {
    // A device that is not known yet is not this agent's, whatever has its name.
    const bool is_device = std::any_of(plan.devices.begin(), plan.devices.end(),
                                       [&](const Device& device) { return device.name == name; });
    if (is_device || indexes.find(name)) continue;
    const auto link = netlink::find_link(socket, name);
    if (!link) continue;
    indexes.set(name, link->ifindex);
    remember(*link);
  }
  for (const Device& device : plan.devices) {
    if (device.lower == 0 || links.contains(device.lower)) continue;
    if (const auto link = netlink::find_link(socket, device.lower)) remember(*link);
  }
  return std::any_of(before.begin(), before.end(), [&](const auto& one) {
    const auto now = links.find(one.first);
    return now == links.end() || now->second != one.second;
  });
}

}  // namespace flanneld
