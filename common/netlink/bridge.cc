#include "common/netlink/bridge.h"

#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>

#include <cerrno>

namespace netlink {
namespace {

bool create_bridge(NetlinkSocket& socket, const BridgeSpec& spec) {
  ifinfomsg header{};
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  const base::MacAddress mac = base::MacAddress::random();
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header(header).put_string(IFLA_IFNAME, spec.name);
  // Given at creation it is fixed; else a bridge takes the lowest of its ports' addresses.
  message.put(IFLA_ADDRESS, mac.bytes.data(), mac.bytes.size());
  if (spec.mtu != 0) message.put_u32(IFLA_MTU, spec.mtu);
  message.nest(IFLA_LINKINFO, [&] {
    message.put_string(IFLA_INFO_KIND, "bridge");
    if (spec.vlan_filtering) message.nest(IFLA_INFO_DATA, [&] { message.put_u8(IFLA_BR_VLAN_FILTERING, 1); });
  });
  return socket.request_unless(EEXIST, message, "create bridge '" + spec.name + "'");
}

void enable_vlan_filtering(NetlinkSocket& socket, const Link& bridge) {
  ifinfomsg header{};
  header.ifi_index = bridge.ifindex;
  Message message(RTM_NEWLINK, 0);
  message.header(header).nest(IFLA_LINKINFO, [&] {
    message.put_string(IFLA_INFO_KIND, "bridge");
    message.nest(IFLA_INFO_DATA, [&] { message.put_u8(IFLA_BR_VLAN_FILTERING, 1); });
  });
  socket.request(message, "enable VLAN filtering on bridge '" + bridge.name + "'");
}

void change_vlans(NetlinkSocket& socket, int type, const Link& port, const std::vector<Vlan>& vlans,
                  const std::string& doing) {
  ifinfomsg header{};
  header.ifi_family = AF_BRIDGE;
  header.ifi_index = port.ifindex;
  Message message(type, 0);
  message.header(header).nest(
      IFLA_AF_SPEC,
      [&] {
        for (const Vlan& vlan : vlans) {
          const auto flags = static_cast<uint16_t>(
              vlan.pvid_untagged ? BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED : 0);
          const auto put = [&](uint16_t id, int range_flag) {
            const bridge_vlan_info info{static_cast<uint16_t>(flags | range_flag), id};
            message.put(IFLA_BRIDGE_VLAN_INFO, &info, sizeof info);
          };
          if (vlan.first == vlan.last) {
            put(vlan.first, 0);
          } else {
            put(vlan.first, BRIDGE_VLAN_INFO_RANGE_BEGIN);
            put(vlan.last, BRIDGE_VLAN_INFO_RANGE_END);
          }
        }
      },
      0);
  socket.request(message, doing);
}

}  // namespace

EnsuredBridge ensure_bridge(NetlinkSocket& socket, const BridgeSpec& spec) {
  auto found = find_link(socket, spec.name);
  const bool created = !found && create_bridge(socket, spec);  // false as well when another process was first
  if (!found) found = find_link(socket, spec.name);
  if (!found)
    throw NetlinkError(ENODEV, "set up bridge '" + spec.name + "'", "it was removed at the same time");
  if (found->kind != "bridge")
    throw NetlinkError(EEXIST, "set up bridge '" + spec.name + "'", "a link of that name is not a bridge");
  if (spec.vlan_filtering && !found->vlan_filtering) enable_vlan_filtering(socket, *found);
  if (!found->is_up()) set_up(socket, *found);
  return {*found, created};
}

void set_port_options(NetlinkSocket& socket, const std::string& port, const PortOptions& options) {
  Message message(RTM_NEWLINK, 0);
  message.header(ifinfomsg{}).put_string(IFLA_IFNAME, port);
  if (!options.alias.empty()) message.put(IFLA_IFALIAS, options.alias.data(), options.alias.size());
  message.nest(IFLA_LINKINFO, [&] {
    message.put_string(IFLA_INFO_SLAVE_KIND, "bridge");
    message.nest(IFLA_INFO_SLAVE_DATA, [&] {
      message.put_u8(IFLA_BRPORT_MODE, options.hairpin);
      message.put_u8(IFLA_BRPORT_ISOLATED, options.isolated);
    });
  });
  socket.request(message, "set the options of bridge port '" + port + "'");
}

void set_port_vlans(NetlinkSocket& socket, const Link& port, const std::vector<Vlan>& vlans,
                    bool remove_default) {
  if (remove_default)
    // All: the bridge's default VLAN, which each port gets, need not be 1. Absent ones are no error.
    change_vlans(socket, RTM_DELLINK, port, {Vlan{1, 4094, false}},
                 "remove the default VLAN from bridge port '" + port.name + "'");
  if (!vlans.empty())
    change_vlans(socket, RTM_SETLINK, port, vlans, "set the VLANs of bridge port '" + port.name + "'");
}

}  // namespace netlink
