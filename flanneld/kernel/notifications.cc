#include "flanneld/kernel/notifications.h"

#include <net/if.h>

#include <algorithm>
#include <variant>

#include "flanneld/kernel/diff.h"

namespace flanneld {
namespace {

class Judge {
 public:
  Judge(bool removed, const WantedState& wanted, const NodePlan& plan, const LinkIndexes& links,
        HostMemory& memory)
      : removed_(removed), wanted_(wanted), plan_(plan), links_(links), memory_(memory) {}

  Judgement operator()(const netlink::Link& link) {
    if (const Device* device = device_at(link.ifindex)) return {is_damaged(*device, link), false};
    // Another link has, or had, a device's name; or one on which routes are made has come.
    const bool has_our_name = is_planned(link.name);
    const auto known = memory_.links.find(link.ifindex);
    if (known == memory_.links.end()) {
      // A foreign vxlan device, say, may have held the VNI and port that one of ours needs.
      const bool makes_room =
          removed_ && std::any_of(plan_.devices.begin(), plan_.devices.end(),
                                  [&](const Device& device) { return device.link_kind() == link.kind; });
      return {makes_room || (has_our_name && !removed_), has_our_name && !is_device(link.name)};
    }
    if (removed_) {
      memory_.links.erase(known);
      return {true, true};
    }
    const HostLink now = host_link(link);
    if (known->second == now) return {};
    known->second = now;
    return {true, true};  // the kernel drops routes with the link that they lead through
  }

  Judgement operator()(const netlink::Address& address) {
    if (const Device* device = device_at(address.ifindex))
      return {removed_ && device->address == address.net, false};
    if (!memory_.links.contains(address.ifindex)) return {};
    const std::pair place{address.ifindex, address.net};
    // An address whose lifetime is renewed is told again and again.
    if (!removed_) return {false, memory_.addresses.insert(place).second};
    memory_.addresses.erase(place);
    return {true, true};  // the last one takes the link's routes with it, without a word
  }

  Judgement operator()(const netlink::Route& route) {
    if (route.dst.prefix == 0) return {false, device_at(route.ifindex) == nullptr};
    if (connects_host(route)) return {false, true};
    if (route.type == netlink::Route::Type::blackhole) return {removed_ && is_blackhole(route), false};
    const PlannedRoute* wanted = wanted_.routes().find(route.dst);
    if (!wanted) return {};
    const auto ifindex = links_.find(wanted->link);
    if (!ifindex) return {};
    const netlink::Route kept = kernel_route(*wanted, *ifindex);
    // One of another priority or TOS has no say while ours is there.
    if (route.priority != kept.priority) return {};
    return {removed_ == (route == kept), false};
  }

  Judgement operator()(const netlink::Neighbour& neighbour) {
    const Device* device = device_at(neighbour.ifindex);
    if (!device) return {};
    const auto* wanted = wanted_.neighbours().find({device->name, neighbour.address});
    if (!wanted) return {};
    return {removed_ || !neighbour.permanent || neighbour.mac != wanted->mac, false};
  }

  Judgement operator()(const netlink::FdbEntry& entry) {
    const Device* device = device_at(entry.ifindex);
    if (!device) return {};
    const auto* wanted = wanted_.fdb().find({device->name, entry.mac.bytes});
    if (!wanted) return {};
    const bool is_wanted = entry.permanent && entry.dst == wanted->dst;
    return {removed_ == is_wanted, false};
  }

 private:
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

  [[nodiscard]] bool is_planned(const std::string& name) const {
    return is_device(name) ||
           std::find(plan_.route_links.begin(), plan_.route_links.end(), name) != plan_.route_links.end();
  }

  [[nodiscard]] bool is_damaged(const Device& device, const netlink::Link& link) const {
    return removed_ || !link.is_up() || link.name != device.name || (device.mac && link.mac != *device.mac) ||
           (device.mtu != 0 && link.mtu != device.mtu);
  }

  /// True for a route that tells which addresses a link of the host reaches without a gateway.
  [[nodiscard]] bool connects_host(const netlink::Route& route) const {
    return !route.gw && route.type == netlink::Route::Type::unicast && route.protocol != kRouteProtocol &&
           memory_.links.contains(route.ifindex);
  }

  [[nodiscard]] bool is_blackhole(const netlink::Route& route) const {
    return std::find(plan_.blackholes.begin(), plan_.blackholes.end(), route.dst) != plan_.blackholes.end() &&
           route == kernel_blackhole(route.dst);
  }

  bool removed_;
  const WantedState& wanted_;
  const NodePlan& plan_;
  const LinkIndexes& links_;
  HostMemory& memory_;
};

}  // namespace

HostLink host_link(const netlink::Link& link) {
  return {link.name, link.mtu, link.is_up(), (link.flags & IFF_RUNNING) != 0};
}

Judgement judge(const netlink::Change& change, const WantedState& wanted, const NodePlan& plan,
                const LinkIndexes& links, HostMemory& memory) {
  return std::visit(Judge(change.removed, wanted, plan, links, memory), change.object);
}

}  // namespace flanneld
