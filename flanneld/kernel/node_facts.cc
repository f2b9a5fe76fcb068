#include "flanneld/kernel/node_facts.h"

#include <net/if.h>

#include <algorithm>
#include <map>

#include "common/flannel/names.h"
#include "common/netlink/address.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "flanneld/backend/registry.h"
#include "flanneld/kernel/device.h"
#include "flanneld/kernel/diff.h"

namespace flanneld {
namespace {

using Kind = OwnNetwork::Kind;

/// The links whose routes and addresses may be the node's own.
class OwnLinks {
 public:
  OwnLinks(netlink::NetlinkSocket& socket, const std::vector<base::IpNet>& networks, int external)
      : networks_(networks), external_(external) {
    for (netlink::Link& link : netlink::all_links(socket))
      if (link.name != flannel::kPodBridge && !find_device_overhead(link.kind, link.name))
        links_.emplace(link.ifindex, std::move(link));
  }

  void add(Kind kind, const base::IpNet& net, int ifindex) {
    const auto link = links_.find(ifindex);
    const bool is_within = std::any_of(networks_.begin(), networks_.end(),
                                       [&](const base::IpNet& network) { return network.overlaps(net); });
    if (link == links_.end() || !is_within || net.prefix == 0) return;
    const bool is_external = ifindex == external_;
    const std::string& kind_of_link = link->second.kind;
    if (!is_external && kind_of_link == "veth" && net.prefix == net.address.bits()) return;  // of one pod
    found_.push_back({kind, kind == Kind::address ? host(net.address) : net.network(), link->second.name,
                      !is_external && kind_of_link == "bridge"});
  }

  std::vector<OwnNetwork> take() {
    std::sort(found_.begin(), found_.end());
    found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
    return std::move(found_);
  }

 private:
  static base::IpNet host(const base::IpAddress& address) {
    return {address, static_cast<uint8_t>(address.bits())};
  }

  const std::vector<base::IpNet>& networks_;
  int external_;
  std::map<int, netlink::Link> links_;
  std::vector<OwnNetwork> found_;
};

/// Routes by a gateway that somebody typed in, or Go flanneld made, are not told apart: they are replaced.
bool is_typed_in(const netlink::Route& route) { return route.gw && route.protocol == netlink::kProtocolBoot; }

}  // namespace

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
    if (const auto* vxlan = std::get_if<VxlanDevice>(&device.kind); vxlan && vxlan->local)
      addresses.push_back(*vxlan->local);
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

std::vector<OwnNetwork> read_own_networks(netlink::NetlinkSocket& socket,
                                          const std::vector<base::IpNet>& networks, int external) {
  OwnLinks own(socket, networks, external);
  for (const base::Family family : base::kFamilies) {
    if (std::none_of(networks.begin(), networks.end(),
                     [&](const base::IpNet& network) { return network.address.family() == family; }))
      continue;
    for (const netlink::Route& route : netlink::main_routes(socket, family))
      if (route.type == netlink::Route::Type::unicast && route.protocol != kRouteProtocol && !route.special &&
          !is_typed_in(route))
        own.add(route.gw ? Kind::routed : Kind::connected, route.dst, route.ifindex);
  }
  for (const netlink::Address& address : netlink::all_addresses(socket))
    own.add(Kind::address, address.net, address.ifindex);
  return own.take();
}

std::vector<std::string> read_uplinks(netlink::NetlinkSocket& socket, int external) {
  const auto link = netlink::find_link(socket, external);
  if (!link || (link->flags & IFF_LOOPBACK) != 0 || link->kind == "dummy") return {};
  std::vector<std::string> uplinks{link->name};
  const auto add = [&](int ifindex) {
    const auto other = netlink::find_link(socket, ifindex);
    const bool is_pods = !other || other->name == flannel::kPodBridge ||
                         find_device_overhead(other->kind, other->name).has_value();
    if (!is_pods && std::find(uplinks.begin(), uplinks.end(), other->name) == uplinks.end())
      uplinks.push_back(other->name);
  };
  if (link->master != 0) add(link->master);
  const auto all = netlink::all_addresses(socket);
  for (const netlink::Address& own : all)
    for (const netlink::Address& other : all)
      if (own.ifindex == external && other.ifindex != external && !own.net.address.is_link_local() &&
          other.net.contains(own.net.address))
        add(other.ifindex);
  return uplinks;
}

PodBridge read_pod_bridge(netlink::NetlinkSocket& socket, const std::vector<base::IpNet>& own_subnets,
                          const std::string& usual) {
  const auto all = netlink::all_addresses(socket);
  auto bridge = usual.empty() ? std::nullopt : netlink::find_link(socket, usual);
  for (const netlink::Address& address : all) {
    if (address.net.prefix == address.net.address.bits()) continue;  // of a pod without a bridge
    const bool is_gateway = std::any_of(
        own_subnets.begin(), own_subnets.end(),
        [&](const base::IpNet& subnet) { return address.net.address == subnet.network().address.next(); });
    if (!is_gateway) continue;
    const auto link = netlink::find_link(socket, address.ifindex);
    if (link && link->kind == "bridge") bridge = link;
  }
  if (!bridge) return {.name = usual};
  PodBridge found{.name = bridge->name};
  for (const netlink::Address& address : all)
    if (address.ifindex == bridge->ifindex && address.permanent && !address.net.address.is_link_local())
      found.networks.push_back(address.net.network());
  return found;
}

}  // namespace flanneld
