#include "flanneld/kernel/notifications.h"

#include <algorithm>
#include <string>
#include <variant>

#include "flanneld/kernel/diff.h"

namespace flanneld {
namespace {

Meaning drift_if(bool condition) { return condition ? Meaning::drift : Meaning::none; }
Meaning host_if(bool condition) { return condition ? Meaning::host : Meaning::none; }

class Judge {
 public:
  Judge(bool removed, const DesiredState& desired, const NodePlan& plan, const LinkIndexes& links,
        HostLinks& host)
      : removed_(removed), desired_(desired), plan_(plan), links_(links), host_(host) {}

  Meaning operator()(const netlink::Link& link) {
    if (const Device* device = device_at(link.ifindex)) return drift_if(is_damaged(*device, link));
    const auto known = host_.links.find(link.ifindex);
    if (known == host_.links.end()) return judge_other(link);
    if (removed_) {
      host_.links.erase(known);
      return Meaning::both;
    }
    const HostLink now = host_link(link);
    if (known->second == now) return Meaning::none;
    known->second = now;
    return Meaning::both;  // the kernel drops the routes that lead through a link that goes down
  }

  Meaning operator()(const netlink::Address& address) {
    if (const Device* device = device_at(address.ifindex))
      return drift_if(removed_ && device->address == address.net);
    if (!host_.links.contains(address.ifindex))
      return host_if(touches_pods(address.net) || touches_uplink(address.net) || may_be_bridges(address));
    const std::pair place{address.ifindex, address.net};
    // An address whose lifetime is renewed is notified again and again.
    if (!removed_) return host_if(host_.addresses.insert(place).second);
    host_.addresses.erase(place);
    return Meaning::both;  // with its last address a link loses its routes, without a notification
  }

  Meaning operator()(const netlink::Route& route) {
    if (route.dst.prefix == 0) return host_if(device_at(route.ifindex) == nullptr);
    if (connects_host(route)) return Meaning::host;
    if (route.type == netlink::Route::Type::blackhole) return drift_if(removed_ && is_blackhole(route));
    const PlannedRoute* desired = desired_.routes().find({route.dst});
    const auto ifindex = desired ? links_.find(desired->link) : std::nullopt;
    if (!ifindex) return Meaning::none;
    const netlink::Route kept = kernel_route(*desired, *ifindex);
    // The kernel does not use one of another priority while ours is there.
    if (route.priority != kept.priority) return Meaning::none;
    return drift_if(removed_ == (route == kept));
  }

  Meaning operator()(const netlink::Neighbour& neighbour) {
    const Device* device = device_at(neighbour.ifindex);
    const auto* desired = device ? desired_.neighbours().find({neighbour.address, device->name}) : nullptr;
    return drift_if(desired && (removed_ || !neighbour.permanent || neighbour.mac != desired->mac));
  }

  Meaning operator()(const netlink::FdbEntry& entry) {
    const Device* device = device_at(entry.ifindex);
    const auto* desired = device ? desired_.fdb().find({entry.mac.bytes, device->name}) : nullptr;
    if (!desired) return Meaning::none;
    const bool is_desired = entry.permanent && entry.dst == desired->dst;
    return drift_if(removed_ == is_desired);
  }

 private:
  /// A link that is neither a device nor remembered.
  [[nodiscard]] Meaning judge_other(const netlink::Link& link) const {
    const auto& names = plan_.route_links;
    const bool has_device_name = is_device(link.name);
    if (!has_device_name && std::find(names.begin(), names.end(), link.name) != names.end())
      return removed_ && !makes_room(link) ? Meaning::host : Meaning::both;
    if (removed_ ? makes_room(link) : has_device_name) return Meaning::drift;
    return host_if((removed_ || !link.is_up()) && is_foreign(link.name));
  }

  /// With such a link go routes that keep peers' subnets from being used, without a notification.
  [[nodiscard]] bool is_foreign(const std::string& name) const {
    const auto& names = plan_.foreign_links;
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  /// A foreign vxlan device, say, may have held the VNI and port that one of ours needs.
  [[nodiscard]] bool makes_room(const netlink::Link& link) const {
    return std::any_of(plan_.devices.begin(), plan_.devices.end(),
                       [&](const Device& device) { return device.link_kind() == link.kind; });
  }

  /// The plan's device that has that index now; nullptr if none.
  [[nodiscard]] const Device* device_at(int ifindex) const {
    const std::string* name = links_.name_of(ifindex);
    if (!name) return nullptr;
    for (const Device& device : plan_.devices)
      if (device.name == *name) return &device;
    return nullptr;
  }

  [[nodiscard]] bool is_device(const std::string& name) const {
    return std::any_of(plan_.devices.begin(), plan_.devices.end(),
                       [&](const Device& device) { return device.name == name; });
  }

  [[nodiscard]] bool is_damaged(const Device& device, const netlink::Link& link) const {
    return removed_ || !link.is_up() || link.name != device.name || (device.mac && link.mac != *device.mac) ||
           (device.mtu != 0 && link.mtu != device.mtu);
  }

  /// True for a route that tells which addresses a link of the host reaches without a gateway, and for one
  /// that a peer's subnet may collide with.
  [[nodiscard]] bool connects_host(const netlink::Route& route) const {
    if (route.type != netlink::Route::Type::unicast || route.protocol == kRouteProtocol) return false;
    if (!route.gw) return host_.links.contains(route.ifindex) || touches_pods(route.dst);
    return route.protocol != netlink::kProtocolBoot && !device_at(route.ifindex) && touches_pods(route.dst);
  }

  /// The bridge of the node's pods is known by its address, and with another one pods have another network.
  [[nodiscard]] bool may_be_bridges(const netlink::Address& address) const {
    const base::IpNet& net = address.net;
    if (!address.permanent || net.address.is_link_local() || net.address.is_loopback()) return false;
    if (net.prefix == net.address.bits()) return false;  // of a pod without a bridge, at the node's end
    return std::none_of(plan_.own_subnets.begin(), plan_.own_subnets.end(), [&](const base::IpNet& own) {
      return own.contains(net.address) && net.address != own.network().address.next();
    });
  }

  /// Another link has an address on the same network as one of the host's links.
  [[nodiscard]] bool touches_uplink(const base::IpNet& net) const {
    return std::any_of(host_.addresses.begin(), host_.addresses.end(), [&](const auto& one) {
      return !net.address.is_link_local() && net.contains(one.second.address);
    });
  }

  /// A network of another link that overlaps the pod network. Within the node's own subnet pods come and go.
  [[nodiscard]] bool touches_pods(const base::IpNet& net) const {
    const auto overlaps = [&](const base::IpNet& other) { return other.overlaps(net); };
    if (std::none_of(plan_.networks.begin(), plan_.networks.end(), overlaps)) return false;
    return std::none_of(plan_.own_subnets.begin(), plan_.own_subnets.end(), [&](const base::IpNet& own) {
      return net.prefix >= own.prefix && own.contains(net.address);
    });
  }

  [[nodiscard]] bool is_blackhole(const netlink::Route& route) const {
    return std::find(plan_.blackholes.begin(), plan_.blackholes.end(), route.dst) != plan_.blackholes.end() &&
           route == kernel_blackhole(route.dst);
  }

  bool removed_;
  const DesiredState& desired_;
  const NodePlan& plan_;
  const LinkIndexes& links_;
  HostLinks& host_;
};

}  // namespace

Meaning judge(const netlink::Change& change, const DesiredState& desired, const NodePlan& plan,
              const LinkIndexes& links, HostLinks& host) {
  return std::visit(Judge(change.removed, desired, plan, links, host), change.object);
}

}  // namespace flanneld
