#include "common/netlink/ipip.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/rtnetlink.h>

#include <utility>

#include "common/base/text.h"
#include "common/netlink/error.h"

namespace netlink {
namespace {

using base::quoted;

/// As upstream's `ip -d link` shows it: "ipip any local …", with no remote, and TTL and TOS of the packet.
Message creation(const IpipSpec& spec) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header(ifinfomsg{})
      .put_string(IFLA_IFNAME, spec.name)
      .put_u32(IFLA_MTU, spec.mtu)
      .put_u32(IFLA_TXQLEN, 0);
  message.nest(IFLA_LINKINFO, [&] {
    message.put_string(IFLA_INFO_KIND, "ipip");
    message.nest(IFLA_INFO_DATA, [&] {
      message.put(IFLA_IPTUN_LOCAL, spec.local.data(), spec.local.size());
      message.put_u8(IFLA_IPTUN_TTL, 0);
      message.put_u8(IFLA_IPTUN_TOS, 0);
      message.put_u8(IFLA_IPTUN_PMTUDISC, 0);
      message.put_u8(IFLA_IPTUN_PROTO, 0);
    });
  });
  return message;
}

std::optional<base::IpAddress> address(const Attributes& data, int attribute) {
  const std::string_view bytes = data.bytes(attribute);
  const auto ip = base::IpAddress::from_bytes(bytes.data(), bytes.size());
  return ip && !ip->is_unspecified() ? ip : std::nullopt;
}

}  // namespace

std::optional<IpipState> find_ipip(NetlinkSocket& socket, const std::string& name) {
  Message query(RTM_GETLINK, 0);
  query.header(ifinfomsg{}).put_string(IFLA_IFNAME, name).put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  std::optional<IpipState> state;
  socket.get(query, fmt::format("look up ipip device {}", quoted(name)), [&](const nlmsghdr* message) {
    auto link = parse_link(message);
    if (!link) return;
    const Attributes data =
        Attributes::of(message, sizeof(ifinfomsg)).nested(IFLA_LINKINFO).nested(IFLA_INFO_DATA);
    state = IpipState{.link = std::move(*link)};
    state->is_ipip = state->link.kind == "ipip";
    if (!state->is_ipip) return;
    state->local = address(data, IFLA_IPTUN_LOCAL);
    state->remote = address(data, IFLA_IPTUN_REMOTE);
  });
  return state;
}

std::optional<std::string> incompatibility(const IpipState& state, const IpipSpec& spec) {
  if (!state.is_ipip)
    return state.link.kind.empty() ? "it is no virtual device"
                                   : fmt::format("it is a {} device", quoted(state.link.kind));
  if (state.remote) return fmt::format("it leads to {} alone", *state.remote);
  if (state.local != spec.local)
    return fmt::format("its local address is {} instead of {}", state.local ? state.local->str() : "any",
                       spec.local);
  return std::nullopt;
}

EnsuredIpip ensure_ipip(NetlinkSocket& socket, const IpipSpec& spec) {
  EnsuredIpip result;
  auto state = find_ipip(socket, spec.name);
  if (state) result.replaced = incompatibility(*state, spec);
  if (result.replaced && remove_link(socket, spec.name)) ++result.writes;
  if (!state || result.replaced) {
    const std::string doing = fmt::format("create ipip device {}", quoted(spec.name));
    socket.request(creation(spec), doing);
    ++result.writes;
    state = find_ipip(socket, spec.name);
    if (!state) throw NetlinkError(ENODEV, doing, "it went away at once");
  }
  if (state->link.mtu != spec.mtu) {
    set_mtu(socket, state->link, spec.mtu);
    ++result.writes;
  }
  result.link = std::move(state->link);
  return result;
}

}  // namespace netlink
