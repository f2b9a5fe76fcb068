#include "common/netlink/link.h"

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/deadline.h"
#include "common/base/text.h"
#include "common/netlink/object.h"

namespace netlink {
namespace {

using base::quoted;

/// Statistics are most of a link's answer, and nobody here reads them.
Message link_query(int ifindex) {
  ifinfomsg header{};
  header.ifi_index = ifindex;
  Message message(RTM_GETLINK, 0);
  message.header(header).put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return message;
}

std::optional<Link> find(NetlinkSocket& socket, const Message& query, const std::string& doing) {
  std::optional<Link> link;
  const bool exists = socket.get(query, doing, [&](const nlmsghdr* message) { link = parse_link(message); });
  if (exists && !link) throw NetlinkError(EBADMSG, doing, "libnl cannot read the answer");
  return link;
}

std::string text(const char* text_or_null) { return text_or_null ? text_or_null : ""; }

/// The number at a place of the list in which the kernel tells a link's settings.
int32_t setting(std::string_view list, size_t place) {
  int32_t value = 0;
  if (list.size() >= (place + 1) * sizeof value)
    std::memcpy(&value, list.data() + place * sizeof value, sizeof value);
  return value;
}

/// Of these settings libnl 3.7 reads those of IPv4 only.
void read_settings(const Attributes& families, Link& link) {
  const std::string_view v4 = families.nested(AF_INET).bytes(IFLA_INET_CONF);
  if (!v4.empty()) {
    link.forwards_ipv4 = setting(v4, IPV4_DEVCONF_FORWARDING - 1) != 0;
    link.rp_filter = setting(v4, IPV4_DEVCONF_RP_FILTER - 1);
  }
  const std::string_view v6 = families.nested(AF_INET6).bytes(IFLA_INET6_CONF);
  if (v6.empty()) return;
  link.ipv6 = Ipv6Conf{.accept_ra = setting(v6, DEVCONF_ACCEPT_RA),
                       .forwarding = setting(v6, DEVCONF_FORWARDING) != 0,
                       .disabled = setting(v6, DEVCONF_DISABLE_IPV6) != 0,
                       .proxies = setting(v6, DEVCONF_PROXY_NDP) != 0};
}

void read_bridge(const Attributes& options, Link& link) {
  constexpr std::chrono::milliseconds kTick{10};  // USER_HZ
  link.vlan_filtering = options.u8(IFLA_BR_VLAN_FILTERING) != 0;
  if (options.u32(IFLA_BR_STP_STATE) != 0)  // first it listens, then it learns
    link.port_delay = 2 * options.u32(IFLA_BR_FORWARD_DELAY) * kTick;
}

void read_port(const Attributes& options, Link& link) {
  link.forwards = options.u8(IFLA_BRPORT_STATE) == BR_STATE_FORWARDING;
  link.learns = options.u8(IFLA_BRPORT_LEARNING) != 0;
  link.locked = options.u8(IFLA_BRPORT_LOCKED) != 0;
  link.refuses_bpdu = options.u8(IFLA_BRPORT_GUARD) != 0;
}

}  // namespace

std::optional<Link> parse_link(const nlmsghdr* message) {
  const auto object = parse<LinkObject>(message);
  if (!object) return std::nullopt;
  Link link;
  link.ifindex = rtnl_link_get_ifindex(object.get());
  link.name = text(rtnl_link_get_name(object.get()));
  link.kind = text(rtnl_link_get_type(object.get()));
  link.mac = to_mac(rtnl_link_get_addr(object.get())).value_or(base::MacAddress{});
  link.mtu = rtnl_link_get_mtu(object.get());
  link.flags = rtnl_link_get_flags(object.get());
  link.master = rtnl_link_get_master(object.get());
  link.peer = rtnl_link_get_link(object.get());
  link.group = rtnl_link_get_group(object.get());
  link.operstate = rtnl_link_get_operstate(object.get());
  link.alias = text(rtnl_link_get_ifalias(object.get()));
  // Of a bridge's options, and of its ports', libnl 3.7 reads none.
  const Attributes attributes = Attributes::of(message, sizeof(ifinfomsg));
  const Attributes info = attributes.nested(IFLA_LINKINFO);
  if (link.kind == "bridge") read_bridge(info.nested(IFLA_INFO_DATA), link);
  if (link.master != 0 && info.string(IFLA_INFO_SLAVE_KIND) == "bridge")
    read_port(info.nested(IFLA_INFO_SLAVE_DATA), link);
  if (attributes.find(IFLA_LINK_NETNSID))
    link.peer_netns = static_cast<int32_t>(attributes.u32(IFLA_LINK_NETNSID));
  read_settings(attributes.nested(IFLA_AF_SPEC), link);
  return link;
}

bool Ipv6Conf::accepts_ra() const { return !disabled && accept_ra >= (forwarding ? 2 : 1); }

bool Link::is_up() const { return (flags & IFF_UP) != 0; }

bool Link::is_promiscuous() const { return (flags & IFF_PROMISC) != 0; }

bool Link::is_operational() const { return operstate == IF_OPER_UP; }

std::optional<Link> find_link(NetlinkSocket& socket, const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return std::nullopt;  // no link can have such a name
  return find(socket, link_query(0).put_string(IFLA_IFNAME, name),
              fmt::format("look up link {}", quoted(name)));
}

std::optional<Link> find_link(NetlinkSocket& socket, int ifindex) {
  return find(socket, link_query(ifindex), fmt::format("look up link with index {}", ifindex));
}

std::optional<Link> find_link_in(NetlinkSocket& socket, int32_t netns, int ifindex) try {
  return find(socket, link_query(ifindex).put_u32(IFLA_TARGET_NETNSID, static_cast<uint32_t>(netns)),
              fmt::format("look up link {} of namespace {}", ifindex, netns));
} catch (const NetlinkError& error) {
  if (error.error_number() != EINVAL) throw;
  return std::nullopt;
}

std::optional<int> find_ifindex(NetlinkSocket& socket, const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return std::nullopt;
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(socket.fd(), SIOCGIFINDEX, &request) == 0) return request.ifr_ifindex;
  if (errno == ENODEV) return std::nullopt;
  base::throw_errno(fmt::format("look up link {}", quoted(name)));
}

std::vector<Link> all_links(NetlinkSocket& socket) {
  std::vector<Link> links = socket.list(link_query(0), "list the links", parse_link);
  std::sort(links.begin(), links.end(), [](const Link& a, const Link& b) { return a.ifindex < b.ifindex; });
  return links;
}

std::vector<Link> ports_of(NetlinkSocket& socket, int master_ifindex) {
  Message query = link_query(0);
  query.put_u32(IFLA_MASTER, static_cast<uint32_t>(master_ifindex));
  std::vector<Link> ports = socket.list(query, "list the ports of the bridge", parse_link);
  std::erase_if(ports, [&](const Link& link) { return link.master != master_ifindex; });  // an old kernel's
  return ports;
}

Message group_request(int ifindex, uint32_t group, bool resolves) {
  const LinkObject link = link_at(ifindex);
  rtnl_link_set_group(link.get(), group);
  (resolves ? rtnl_link_unset_flags : rtnl_link_set_flags)(link.get(), IFF_NOARP);
  return build(rtnl_link_build_add_request, link);
}

Message up_request(int ifindex, const std::optional<base::MacAddress>& mac) {
  const LinkObject link = link_at(ifindex);
  rtnl_link_set_flags(link.get(), IFF_UP);
  if (mac) rtnl_link_set_addr(link.get(), to_nl(*mac).get());
  return build(rtnl_link_build_add_request, link);
}

void set_up(NetlinkSocket& socket, const Link& link) {
  socket.request(up_request(link.ifindex), fmt::format("set link {} up", quoted(link.name)));
}

void set_down(NetlinkSocket& socket, const Link& link) {
  const LinkObject change = link_at(link.ifindex);
  rtnl_link_unset_flags(change.get(), IFF_UP);
  socket.request(build(rtnl_link_build_add_request, change),
                 fmt::format("set link {} down", quoted(link.name)));
}

void set_promiscuous(NetlinkSocket& socket, const Link& link) {
  const LinkObject change = link_at(link.ifindex);
  rtnl_link_set_flags(change.get(), IFF_PROMISC);
  socket.request(build(rtnl_link_build_add_request, change),
                 fmt::format("set link {} promiscuous", quoted(link.name)));
}

void set_mtu(NetlinkSocket& socket, const Link& link, uint32_t mtu) {
  const LinkObject change = link_at(link.ifindex);
  rtnl_link_set_mtu(change.get(), mtu);
  socket.request(build(rtnl_link_build_add_request, change),
                 fmt::format("set the MTU of link {} to {}", quoted(link.name), mtu));
}

void set_mac(NetlinkSocket& socket, const Link& link, const base::MacAddress& mac) {
  const LinkObject change = link_at(link.ifindex);
  rtnl_link_set_addr(change.get(), to_nl(mac).get());
  socket.request(build(rtnl_link_build_add_request, change),
                 fmt::format("set the address of link {} to {}", quoted(link.name), mac));
}

void set_master(NetlinkSocket& socket, const Link& link, int master_ifindex) {
  const LinkObject change = link_at(link.ifindex);
  rtnl_link_set_master(change.get(), master_ifindex);
  socket.request(build(rtnl_link_build_add_request, change),
                 fmt::format("make link {} a port of a bridge", quoted(link.name)));
}

Message alias_request(int ifindex, const std::string& alias) {
  Message message = build(rtnl_link_build_add_request, link_at(ifindex));
  // Of the kernel's 255 bytes libnl would spend one on a NUL.
  message.put(IFLA_IFALIAS, alias.data(), alias.size());
  return message;
}

void set_alias(NetlinkSocket& socket, const Link& link, const std::string& alias) {
  socket.request(alias_request(link.ifindex, alias),
                 fmt::format("set the alias of link {}", quoted(link.name)));
}

Message no_link_local_request(int ifindex) {
  Message message = build(rtnl_link_build_add_request, link_at(ifindex));
  message.nest(IFLA_AF_SPEC, [&] {
    message.nest(AF_INET6, [&] { message.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); });
  });
  return message;
}

bool remove_link(NetlinkSocket& socket, const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return false;
  const LinkObject link = link_at(0);
  set_name(link.get(), name);
  nl_msg* request = nullptr;
  check(rtnl_link_build_delete_request(link.get(), &request));
  return socket.request_unless(ENODEV, Message(request), fmt::format("remove link {}", quoted(name)));
}

std::optional<Link> wait_operational(NetlinkSocket& socket, const std::string& name,
                                     std::chrono::milliseconds at_most) {
  const auto find_operational = [&] {
    const auto link = find_link(socket, name);
    const bool is_up = link && (link->is_operational() || link->operstate == IF_OPER_UNKNOWN);
    return is_up && link->forwards ? link : std::nullopt;
  };
  if (auto link = find_operational()) return link;
  NetlinkSocket notifications = NetlinkSocket::open_subscribed(NETLINK_ROUTE, RTNLGRP_LINK);
  const base::Deadline deadline(at_most);
  for (;;) {
    if (auto link = find_operational()) return link;
    if (deadline.passed()) return std::nullopt;
    notifications.wait_notification(deadline);
  }
}

}  // namespace netlink
