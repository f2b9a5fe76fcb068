#include "common/netlink/bridge.h"

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "common/base/text.h"
#include "common/netlink/object.h"

namespace netlink {
namespace {

using base::quoted;

/// A request about a bridge of kind "bridge". libnl 3.7 knows no option of bridges, so that this one is put
/// here.
Message bridge_request(const LinkObject& bridge, bool vlan_filtering, int flags) {
  check(rtnl_link_set_type(bridge.get(), "bridge"));
  Message message = build(rtnl_link_build_add_request, bridge, flags);
  if (vlan_filtering)
    message.extend({IFLA_LINKINFO}, sizeof(ifinfomsg),
                   [&] { message.nest(IFLA_INFO_DATA, [&] { message.put_u8(IFLA_BR_VLAN_FILTERING, 1); }); });
  return message;
}

bool create_bridge(NetlinkSocket& socket, const BridgeSpec& spec) {
  const LinkObject bridge = link_at(0);
  set_name(bridge.get(), spec.name);
  rtnl_link_set_flags(bridge.get(), IFF_UP);
  // Given at creation it is fixed; else a bridge takes the lowest of its ports' addresses.
  rtnl_link_set_addr(bridge.get(), to_nl(spec.mac.value_or(base::MacAddress::random())).get());
  if (spec.mtu != 0) rtnl_link_set_mtu(bridge.get(), spec.mtu);
  return socket.request_unless(EEXIST, bridge_request(bridge, spec.vlan_filtering, NLM_F_CREATE | NLM_F_EXCL),
                               fmt::format("create bridge {}", quoted(spec.name)));
}

/// libnl 3.7 reads the VLANs of a port, but does not write them.
void change_vlans(NetlinkSocket& socket, int type, const Link& port, const std::vector<Vlan>& vlans,
                  const std::string& doing) {
  const LinkObject link = link_at(port.ifindex);
  rtnl_link_set_family(link.get(), AF_BRIDGE);
  Message message = build(rtnl_link_build_add_request, link);
  message.raw()->nlmsg_type = static_cast<uint16_t>(type);
  const auto put = [&](const Vlan& vlan, uint16_t id, int range_flag) {
    const int flags = vlan.pvid_untagged ? BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED : 0;
    const bridge_vlan_info info{static_cast<uint16_t>(flags | range_flag), id};
    message.put(IFLA_BRIDGE_VLAN_INFO, &info, sizeof info);
  };
  message.nest(IFLA_AF_SPEC, [&] {
    for (const Vlan& vlan : vlans) {
      const bool is_range = vlan.first != vlan.last;
      put(vlan, vlan.first, is_range ? BRIDGE_VLAN_INFO_RANGE_BEGIN : 0);
      if (is_range) put(vlan, vlan.last, BRIDGE_VLAN_INFO_RANGE_END);
    }
  });
  socket.request(message, doing);
}

/// Opens the message's options of a bridge port; `fill` puts them. libnl 3.7 lacks isolation, and sets the
/// hairpin mode in a message of its own.
template <class Fill>
Message port_request(const LinkObject& port, Fill&& fill) {
  check(rtnl_link_set_slave_type(port.get(), "bridge"));
  Message message = build(rtnl_link_build_add_request, port);
  message.extend({IFLA_LINKINFO}, sizeof(ifinfomsg),
                 [&] { message.nest(IFLA_INFO_SLAVE_DATA, [&] { fill(message); }); });
  return message;
}

/// Kernels that do not know an option (locking came with 5.18) make the others all the same.
void put_macs(Message& message, PortMacs macs, bool refuses_bpdu) {
  const bool any = macs == PortMacs::any;
  message.put_u8(IFLA_BRPORT_LEARNING, any)
      .put_u8(IFLA_BRPORT_UNICAST_FLOOD, any)
      .put_u8(IFLA_BRPORT_LOCKED, !any)
      .put_u8(IFLA_BRPORT_GUARD, refuses_bpdu);
}

}  // namespace

EnsuredBridge ensure_bridge(NetlinkSocket& socket, const BridgeSpec& spec) {
  const std::string doing = fmt::format("set up bridge {}", quoted(spec.name));
  auto found = find_link(socket, spec.name);
  const bool created = !found && create_bridge(socket, spec);  // false as well when another process was first
  if (!found) found = find_link(socket, spec.name);
  if (!found) throw NetlinkError(ENODEV, doing, "it was removed at the same time");
  if (found->kind != "bridge") throw NetlinkError(EEXIST, doing, "a link of that name is not a bridge");
  if (spec.vlan_filtering && !found->vlan_filtering)
    socket.request(bridge_request(link_at(found->ifindex), true, 0),
                   fmt::format("enable VLAN filtering on bridge {}", quoted(spec.name)));
  if (!found->is_up()) set_up(socket, *found);
  return {*found, created};
}

void set_port_options(NetlinkSocket& socket, const std::string& port, const PortOptions& options) {
  const LinkObject link = link_at(0);
  set_name(link.get(), port);
  Message message = port_request(link, [&](Message& open) {
    open.put_u8(IFLA_BRPORT_MODE, options.hairpin).put_u8(IFLA_BRPORT_ISOLATED, options.isolated);
    put_macs(open, options.macs, options.refuses_bpdu);
  });
  // Of the kernel's 255 bytes libnl would spend one on a NUL.
  if (!options.alias.empty()) message.put(IFLA_IFALIAS, options.alias.data(), options.alias.size());
  socket.request(message, fmt::format("set the options of bridge port {}", quoted(port)));
}

Message port_macs_request(int ifindex, PortMacs macs, bool refuses_bpdu) {
  return port_request(link_at(ifindex), [&](Message& open) { put_macs(open, macs, refuses_bpdu); });
}

void set_port_vlans(NetlinkSocket& socket, const Link& port, const std::vector<Vlan>& vlans,
                    bool remove_default) {
  if (remove_default)
    // All: the bridge's default VLAN, which each port gets, need not be 1. Absent ones are no error.
    change_vlans(socket, RTM_DELLINK, port, {Vlan{.first = 1, .last = 4094}},
                 fmt::format("remove the default VLAN from bridge port {}", quoted(port.name)));
  if (!vlans.empty())
    change_vlans(socket, RTM_SETLINK, port, vlans,
                 fmt::format("set the VLANs of bridge port {}", quoted(port.name)));
}

}  // namespace netlink
