#include "flanneld/kernel/node_facts.h"

#include <algorithm>

#include "common/flannel/names.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "flanneld/backend/registry.h"
#include "flanneld/kernel/device.h"
#include "flanneld/kernel/diff.h"

namespace flanneld {

std::vector<Device> read_devices(netlink::NetlinkSocket& socket) {
  std::vector<Device> devices;
  for (const netlink::Link& link : netlink::all_links(socket)) {
    if (!find_device_overhead(link.kind, link.name)) continue;
    if (auto device = read_device(socket, link)) devices.push_back(std::move(*device));
  }
  return devices;
}

HostNetwork read_node_network(netlink::NetlinkSocket& socket) {
  return read_host_network(socket, [](const netlink::Link& link) {
    return link.name == flannel::kPodBridge || find_device_overhead(link.kind, link.name).has_value();
  });
}

std::vector<base::IpAddress> sent_from(const std::vector<Device>& devices) {
  std::vector<base::IpAddress> addresses;
  for (const Device& device : devices)
    if (const auto& local = std::get<VxlanDevice>(device.kind).local) addresses.push_back(*local);
  return addresses;
}

std::vector<HostRoute> read_host_routes(netlink::NetlinkSocket& socket, int ifindex) {
  std::vector<HostRoute> routes;
  for (const base::Family family : base::kFamilies)
    for (const netlink::Route& route : netlink::routes_of(socket, ifindex, family))
      if (route.protocol != kRouteProtocol)
        routes.push_back({.dst = route.dst, .has_gateway = route.gw.has_value()});
  std::sort(routes.begin(), routes.end());
  return routes;
}

}  // namespace flanneld
