#include "common/netlink/vxlan.h"

#include <endian.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <utility>

#include "common/netlink/sysctl.h"

namespace netlink {
namespace {

int local_attribute(const base::IpAddress& address) {
  return address.is_v4() ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6;
}

void put_local(Message& message, const std::optional<base::IpAddress>& local) {
  if (local) message.put(local_attribute(*local), local->data(), local->size());
}

void put_lower(Message& message, int lower) {
  if (lower != 0) message.put_u32(IFLA_VXLAN_LINK, static_cast<uint32_t>(lower));
}

Message creation(const VxlanSpec& spec) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header(ifinfomsg{}).put_string(IFLA_IFNAME, spec.name);
  // An address given at creation is "set by the user": systemd's MAC policy leaves it alone.
  message.put(IFLA_ADDRESS, spec.mac.bytes.data(), spec.mac.bytes.size());
  if (spec.mtu != 0) message.put_u32(IFLA_MTU, spec.mtu);
  message.put_u32(IFLA_TXQLEN, 0);
  message.nest(IFLA_LINKINFO, [&] {
    message.put_string(IFLA_INFO_KIND, "vxlan");
    message.nest(IFLA_INFO_DATA, [&] {
      message.put_u32(IFLA_VXLAN_ID, spec.vni);
      put_lower(message, spec.lower);
      put_local(message, spec.local);
      if (spec.port != 0) message.put_u16(IFLA_VXLAN_PORT, htobe16(spec.port));
      message.put_u8(IFLA_VXLAN_LEARNING, spec.learning ? 1 : 0);
      for (const int off :
           {IFLA_VXLAN_TTL, IFLA_VXLAN_TOS, IFLA_VXLAN_PROXY, IFLA_VXLAN_RSC, IFLA_VXLAN_L2MISS,
            IFLA_VXLAN_L3MISS, IFLA_VXLAN_UDP_ZERO_CSUM6_TX, IFLA_VXLAN_UDP_ZERO_CSUM6_RX})
        message.put_u8(off, 0);
      if (spec.gbp) message.put(IFLA_VXLAN_GBP, nullptr, 0);
    });
  });
  return message;
}

VxlanState parse_vxlan(const nlmsghdr* message) {
  VxlanState state{parse_link(message), false, {}, false};
  const Attributes info = Attributes::of(message, sizeof(ifinfomsg)).nested(IFLA_LINKINFO);
  state.is_vxlan = state.link.kind == "vxlan";
  if (!state.is_vxlan) return state;
  const Attributes data = info.nested(IFLA_INFO_DATA);
  VxlanSpec& actual = state.actual;
  actual.name = state.link.name;
  actual.mtu = state.link.mtu;
  actual.mac = state.link.mac;
  actual.vni = data.u32(IFLA_VXLAN_ID);
  if (const auto port = data.bytes(IFLA_VXLAN_PORT); port.size() == 2)
    actual.port = static_cast<uint16_t>(static_cast<uint8_t>(port[0]) << 8 | static_cast<uint8_t>(port[1]));
  for (const int attribute : {IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6})
    if (const auto bytes = data.bytes(attribute); !bytes.empty())
      actual.local = base::IpAddress::from_bytes(bytes.data(), bytes.size());
  actual.lower = static_cast<int>(data.u32(IFLA_VXLAN_LINK));
  actual.learning = data.u8(IFLA_VXLAN_LEARNING) != 0;
  actual.gbp = data.find(IFLA_VXLAN_GBP) != nullptr;
  state.other_mode = data.find(IFLA_VXLAN_GROUP) || data.find(IFLA_VXLAN_GROUP6) ||
                     data.u8(IFLA_VXLAN_COLLECT_METADATA) != 0 || data.u8(IFLA_VXLAN_L2MISS) != 0 ||
                     data.u8(IFLA_VXLAN_L3MISS) != 0 || data.u8(IFLA_VXLAN_PROXY) != 0 ||
                     data.u8(IFLA_VXLAN_RSC) != 0;
  return state;
}

Message change_of(const Link& link) {
  ifinfomsg header{};
  header.ifi_index = link.ifindex;
  Message message(RTM_NEWLINK, 0);
  message.header(header);
  return message;
}

/// The part that belongs to the kind; false when there is nothing to change.
bool change_data(NetlinkSocket& socket, const VxlanState& state, const VxlanSpec& spec) {
  const bool new_local = spec.local && spec.local != state.actual.local;
  const bool new_lower = spec.lower != 0 && spec.lower != state.actual.lower;
  const bool new_learning = spec.learning != state.actual.learning;
  if (!new_local && !new_lower && !new_learning) return false;
  Message message = change_of(state.link);
  message.nest(IFLA_LINKINFO, [&] {
    message.put_string(IFLA_INFO_KIND, "vxlan");
    message.nest(IFLA_INFO_DATA, [&] {
      // Without its lower link the kernel would take the device off it.
      put_lower(message, spec.lower != 0 ? spec.lower : state.actual.lower);
      if (new_local) put_local(message, spec.local);
      if (new_learning) message.put_u8(IFLA_VXLAN_LEARNING, spec.learning ? 1 : 0);
    });
  });
  socket.request(message, "change vxlan device '" + spec.name + "'");
  return true;
}

void change_in_place(NetlinkSocket& socket, const VxlanState& state, const VxlanSpec& spec,
                     EnsuredVxlan& result) {
  if (change_data(socket, state, spec)) ++result.writes;
  if (spec.mac != state.actual.mac) {
    set_mac(socket, state.link, spec.mac);
    ++result.writes;
  }
  if (spec.mtu == 0 || spec.mtu == state.actual.mtu) return;
  try {
    set_mtu(socket, state.link, spec.mtu);
    ++result.writes;
  } catch (const NetlinkError& error) {  // larger than the lower link allows: packets pass nevertheless
    result.mtu_failure = error.what();
  }
}

/// Router advertisements come in over the overlay from other nodes' pods at best.
void refuse_router_advertisements(const std::string& name) {
  try {
    ensure_sysctl("net/ipv6/conf/" + name + "/accept_ra", "0");
  } catch (const base::SystemError&) {
    return;  // /proc/sys is often read-only in a container
  }
}

}  // namespace

std::optional<VxlanState> find_vxlan(NetlinkSocket& socket, const std::string& name) {
  Message query(RTM_GETLINK, 0);
  query.header(ifinfomsg{}).put_string(IFLA_IFNAME, name);
  query.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  std::optional<VxlanState> state;
  socket.get(query, "look up vxlan device '" + name + "'",
             [&](const nlmsghdr* message) { state = parse_vxlan(message); });
  return state;
}

std::optional<std::string> incompatibility(const VxlanState& state, const VxlanSpec& spec) {
  const VxlanSpec& actual = state.actual;
  const auto differs = [](const std::string& what, const auto& is, const auto& wanted) {
    return what + " is " + std::to_string(is) + " instead of " + std::to_string(wanted);
  };
  if (!state.is_vxlan)
    return "it is " + (state.link.kind.empty() ? "no virtual device" : "a '" + state.link.kind + "' device");
  if (actual.vni != spec.vni) return differs("its VNI", actual.vni, spec.vni);
  const uint16_t port = spec.port != 0 ? spec.port : kDefaultVxlanPort;
  if (actual.port != port) return differs("its port", actual.port, port);
  if (actual.gbp != spec.gbp)
    return std::string("its group policy extension is ") + (actual.gbp ? "on" : "off");
  if (state.other_mode) return "it has a multicast group or answers for others";
  if (actual.local && spec.local && actual.local->family() != spec.local->family())
    return "its local address " + actual.local->str() + " is of the other family";
  return std::nullopt;
}

EnsuredVxlan ensure_vxlan(NetlinkSocket& socket, const VxlanSpec& spec) {
  EnsuredVxlan result;
  if (const auto state = find_vxlan(socket, spec.name)) {
    result.replaced = incompatibility(*state, spec);
    if (!result.replaced) try {
        change_in_place(socket, *state, spec, result);
        result.link = find_link(socket, spec.name).value_or(state->link);
        refuse_router_advertisements(spec.name);
        return result;
      } catch (const NetlinkError& error) {
        result.replaced = error.what();  // an older kernel, or a change that none can make
      }
    if (remove_link(socket, spec.name)) ++result.writes;
  }
  const std::string doing = "create vxlan device '" + spec.name + "'";
  socket.request(creation(spec), doing);
  ++result.writes;
  result.created = true;
  auto link = find_link(socket, spec.name);
  if (!link) throw NetlinkError(ENODEV, doing, "it went away at once");
  if (spec.mtu != 0 && link->mtu != spec.mtu)
    result.mtu_failure = "set the MTU of link '" + spec.name + "' to " + std::to_string(spec.mtu) +
                         ": its lower link allows " + std::to_string(link->mtu);
  result.link = std::move(*link);
  refuse_router_advertisements(spec.name);
  return result;
}

}  // namespace netlink
