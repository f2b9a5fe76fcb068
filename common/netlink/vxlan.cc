#include "common/netlink/vxlan.h"

#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/route/link/vxlan.h>

#include <cerrno>
#include <utility>

#include "common/base/text.h"
#include "common/netlink/object.h"
#include "common/netlink/sysctl.h"

namespace netlink {
namespace {

using base::quoted;

LinkObject new_device(const VxlanSpec& spec) {
  auto owner = own<LinkObject>(rtnl_link_vxlan_alloc());
  rtnl_link* device = owner.get();
  set_name(device, spec.name);
  // An address given at creation is "set by the user": systemd's MAC policy leaves it alone.
  rtnl_link_set_addr(device, to_nl(spec.mac).get());
  if (spec.mtu != 0) rtnl_link_set_mtu(device, spec.mtu);
  rtnl_link_set_txqlen(device, 0);
  rtnl_link_vxlan_set_id(device, spec.vni);
  if (spec.lower != 0) rtnl_link_vxlan_set_link(device, static_cast<uint32_t>(spec.lower));
  if (spec.local) check(rtnl_link_vxlan_set_local(device, to_nl(*spec.local).get()));
  rtnl_link_vxlan_set_learning(device, spec.learning ? 1 : 0);
  for (const auto off : {rtnl_link_vxlan_set_ttl, rtnl_link_vxlan_set_tos, rtnl_link_vxlan_set_proxy,
                         rtnl_link_vxlan_set_rsc, rtnl_link_vxlan_set_l2miss, rtnl_link_vxlan_set_l3miss,
                         rtnl_link_vxlan_set_udp_zero_csum6_tx, rtnl_link_vxlan_set_udp_zero_csum6_rx})
    off(device, 0);
  if (spec.gbp) rtnl_link_vxlan_set_flags(device, RTNL_LINK_VXLAN_F_GBP, 1);
  return owner;
}

Message creation(const VxlanSpec& spec) {
  Message message = build(rtnl_link_build_add_request, new_device(spec), NLM_F_CREATE | NLM_F_EXCL);
  if (spec.port != 0)  // libnl 3.7 writes it as 32 bits, which the kernel complains of in its log
    message.extend({IFLA_LINKINFO, IFLA_INFO_DATA}, sizeof(ifinfomsg),
                   [&] { message.put_u16(IFLA_VXLAN_PORT, htons(spec.port)); });
  return message;
}

VxlanSpec read_spec(rtnl_link* device, const Link& link) {
  VxlanSpec spec{.name = link.name, .mtu = link.mtu, .mac = link.mac};
  uint32_t number = 0;
  if (rtnl_link_vxlan_get_id(device, &number) == 0) spec.vni = number;
  if (rtnl_link_vxlan_get_port(device, &number) == 0) spec.port = static_cast<uint16_t>(number);
  if (rtnl_link_vxlan_get_link(device, &number) == 0) spec.lower = static_cast<int>(number);
  if (nl_addr* local = nullptr; rtnl_link_vxlan_get_local(device, &local) == 0)
    spec.local = to_ip(own<NlAddress>(local).get());
  spec.learning = rtnl_link_vxlan_get_learning(device) > 0;
  spec.gbp = rtnl_link_vxlan_get_flags(device, &number) == 0 && (number & RTNL_LINK_VXLAN_F_GBP) != 0;
  return spec;
}

bool has_other_mode(rtnl_link* device) {
  nl_addr* group = nullptr;
  const NlAddress owner(rtnl_link_vxlan_get_group(device, &group) == 0 ? group : nullptr);
  for (const auto get : {rtnl_link_vxlan_get_collect_metadata, rtnl_link_vxlan_get_l2miss,
                         rtnl_link_vxlan_get_l3miss, rtnl_link_vxlan_get_proxy, rtnl_link_vxlan_get_rsc})
    if (get(device) > 0) return true;
  return group != nullptr;
}

std::optional<VxlanState> parse_vxlan(const nlmsghdr* message) {
  auto link = parse_link(message);
  if (!link) return std::nullopt;
  VxlanState state{.link = std::move(*link)};
  if (state.link.kind != "vxlan") return state;
  const auto object = parse<LinkObject>(message);
  state.actual = read_spec(object.get(), state.link);
  state.other_mode = has_other_mode(object.get());
  return state;
}

/// The part that belongs to the kind; false when there is nothing to change.
bool change_data(NetlinkSocket& socket, const VxlanState& state, const VxlanSpec& spec) {
  const bool new_local = spec.local && spec.local != state.actual->local;
  const bool new_lower = spec.lower != 0 && spec.lower != state.actual->lower;
  const bool new_learning = spec.learning != state.actual->learning;
  if (!new_local && !new_lower && !new_learning) return false;
  const auto change = own<LinkObject>(rtnl_link_vxlan_alloc());
  rtnl_link_set_ifindex(change.get(), state.link.ifindex);
  // Without its lower link the kernel would take the device off it.
  if (const int lower = spec.lower != 0 ? spec.lower : state.actual->lower; lower != 0)
    rtnl_link_vxlan_set_link(change.get(), static_cast<uint32_t>(lower));
  if (new_local) check(rtnl_link_vxlan_set_local(change.get(), to_nl(*spec.local).get()));
  if (new_learning) rtnl_link_vxlan_set_learning(change.get(), spec.learning ? 1 : 0);
  socket.request(build(rtnl_link_build_add_request, change),
                 fmt::format("change vxlan device {}", quoted(spec.name)));
  return true;
}

void change_in_place(NetlinkSocket& socket, const VxlanState& state, const VxlanSpec& spec,
                     EnsuredVxlan& result) {
  if (change_data(socket, state, spec)) ++result.writes;
  if (spec.mac != state.actual->mac) {
    set_mac(socket, state.link, spec.mac);
    ++result.writes;
  }
  if (spec.mtu == 0 || spec.mtu == state.actual->mtu) return;
  try {
    set_mtu(socket, state.link, spec.mtu);
    ++result.writes;
  } catch (const NetlinkError& error) {  // larger than the lower link allows: packets pass nevertheless
    result.mtu_failure = error.what();
  }
}

}  // namespace

std::optional<VxlanState> find_vxlan(NetlinkSocket& socket, const std::string& name) {
  Message query(RTM_GETLINK, 0);
  query.header(ifinfomsg{}).put_string(IFLA_IFNAME, name).put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  std::optional<VxlanState> state;
  socket.get(query, fmt::format("look up vxlan device {}", quoted(name)),
             [&](const nlmsghdr* message) { state = parse_vxlan(message); });
  return state;
}

std::optional<std::string> incompatibility(const VxlanState& state, const VxlanSpec& spec) {
  if (!state.actual)
    return state.link.kind.empty() ? "it is no virtual device"
                                   : fmt::format("it is a {} device", quoted(state.link.kind));
  const VxlanSpec& actual = *state.actual;
  const auto differs = [](const char* what, auto is, auto wanted) {
    return fmt::format("{} is {} instead of {}", what, is, wanted);
  };
  if (actual.vni != spec.vni) return differs("its VNI", actual.vni, spec.vni);
  const uint16_t port = spec.port != 0 ? spec.port : kDefaultVxlanPort;
  if (actual.port != port) return differs("its port", actual.port, port);
  if (actual.gbp != spec.gbp)
    return fmt::format("its group policy extension is {}", actual.gbp ? "on" : "off");
  if (state.other_mode) return "it has a multicast group or answers for others";
  if (actual.local && spec.local && actual.local->family() != spec.local->family())
    return fmt::format("its local address {} is of the other family", *actual.local);
  return std::nullopt;
}

EnsuredVxlan ensure_vxlan(NetlinkSocket& socket, const VxlanSpec& spec) {
  EnsuredVxlan result;
  if (const auto state = find_vxlan(socket, spec.name)) {
    result.replaced = incompatibility(*state, spec);
    if (!result.replaced) try {
        change_in_place(socket, *state, spec, result);
        result.link = find_link(socket, spec.name).value_or(state->link);
        refuse_router_advertisements(result.link);
        return result;
      } catch (const NetlinkError& error) {
        result.replaced = error.what();  // an older kernel, or a change that none can make
      }
    if (remove_link(socket, spec.name)) ++result.writes;
  }
  const std::string doing = fmt::format("create vxlan device {}", quoted(spec.name));
  socket.request(creation(spec), doing);
  ++result.writes;
  result.created = true;
  auto link = find_link(socket, spec.name);
  if (!link) throw NetlinkError(ENODEV, doing, "it went away at once");
  if (spec.mtu != 0 && link->mtu != spec.mtu)
    result.mtu_failure = fmt::format("set the MTU of link {} to {}: its lower link allows {}",
                                     quoted(spec.name), spec.mtu, link->mtu);
  result.link = std::move(*link);
  refuse_router_advertisements(result.link);
  return result;
}

}  // namespace netlink
