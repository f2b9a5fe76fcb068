#include "common/netlink/link.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/deadline.h"

namespace netlink {
namespace {

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
  socket.get(query, doing, [&](const nlmsghdr* message) { link = parse_link(message); });
  return link;
}

Message flag_request(const Link& link, unsigned flag) {
  ifinfomsg header{};
  header.ifi_index = link.ifindex;
  header.ifi_flags = flag;
  header.ifi_change = flag;
  return std::move(Message(RTM_NEWLINK, 0).header(header));
}

}  // namespace

Link parse_link(const nlmsghdr* message) {
  const auto* header = static_cast<const ifinfomsg*>(nlmsg_data(message));
  const Attributes attributes = Attributes::of(message, sizeof *header);
  Link link;
  link.ifindex = header->ifi_index;
  link.flags = header->ifi_flags;
  link.name = attributes.string(IFLA_IFNAME);
  link.mtu = attributes.u32(IFLA_MTU);
  link.master = static_cast<int>(attributes.u32(IFLA_MASTER));
  link.peer = static_cast<int>(attributes.u32(IFLA_LINK));
  link.operstate = attributes.u8(IFLA_OPERSTATE);
  link.alias = attributes.string(IFLA_IFALIAS);
  link.promiscuous = (header->ifi_flags & IFF_PROMISC) != 0;
  if (const auto mac = attributes.bytes(IFLA_ADDRESS); mac.size() == link.mac.bytes.size())
    std::memcpy(link.mac.bytes.data(), mac.data(), mac.size());
  const Attributes info = attributes.nested(IFLA_LINKINFO);
  link.kind = info.string(IFLA_INFO_KIND);
  if (link.kind == "bridge")
    link.vlan_filtering = info.nested(IFLA_INFO_DATA).u8(IFLA_BR_VLAN_FILTERING) != 0;
  if (info.string(IFLA_INFO_SLAVE_KIND) == "bridge") {
    const Attributes port = info.nested(IFLA_INFO_SLAVE_DATA);
    link.hairpin = port.u8(IFLA_BRPORT_MODE) != 0;
    link.isolated = port.u8(IFLA_BRPORT_ISOLATED) != 0;
  }
  return link;
}

bool Link::is_up() const { return (flags & IFF_UP) != 0; }

std::optional<Link> find_link(NetlinkSocket& socket, const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return std::nullopt;  // no link can have such a name
  return find(socket, link_query(0).put_string(IFLA_IFNAME, name), "look up link '" + name + "'");
}

std::optional<Link> find_link(NetlinkSocket& socket, int ifindex) {
  return find(socket, link_query(ifindex), "look up link with index " + std::to_string(ifindex));
}

std::optional<int> find_ifindex(NetlinkSocket& socket, const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return std::nullopt;
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(socket.fd(), SIOCGIFINDEX, &request) == 0) return request.ifr_ifindex;
  if (errno == ENODEV) return std::nullopt;
  base::throw_errno("look up link '" + name + "'");
}

std::vector<Link> all_links(NetlinkSocket& socket) {
  std::vector<Link> links;
  socket.dump(
      link_query(0), "list the links", [&] { links.clear(); },
      [&](const nlmsghdr* message) { links.push_back(parse_link(message)); });
  std::sort(links.begin(), links.end(), [](const Link& a, const Link& b) { return a.ifindex < b.ifindex; });
  return links;
}

std::vector<Link> ports_of(NetlinkSocket& socket, int master_ifindex) {
  std::vector<Link> ports;
  const Message query = std::move(link_query(0).put_u32(IFLA_MASTER, static_cast<uint32_t>(master_ifindex)));
  socket.dump(
      query, "list the ports of the bridge", [&] { ports.clear(); },
      [&](const nlmsghdr* message) {
        Link link = parse_link(message);
        if (link.master == master_ifindex) ports.push_back(std::move(link));  // old kernels do not filter
      });
  return ports;
}

Message up_request(const Link& link) { return flag_request(link, IFF_UP); }

Message up_request(const Link& link, const base::MacAddress& mac) {
  Message message = up_request(link);
  message.put(IFLA_ADDRESS, mac.bytes.data(), mac.bytes.size());
  return message;
}

void set_up(NetlinkSocket& socket, const Link& link) {
  socket.request(up_request(link), "set link '" + link.name + "' up");
}

void set_promiscuous(NetlinkSocket& socket, const Link& link) {
  socket.request(flag_request(link, IFF_PROMISC), "set link '" + link.name + "' promiscuous");
}

void set_mtu(NetlinkSocket& socket, const Link& link, uint32_t mtu) {
  ifinfomsg header{};
  header.ifi_index = link.ifindex;
  socket.request(Message(RTM_NEWLINK, 0).header(header).put_u32(IFLA_MTU, mtu),
                 "set the MTU of link '" + link.name + "' to " + std::to_string(mtu));
}

void set_mac(NetlinkSocket& socket, const Link& link, const base::MacAddress& mac) {
  ifinfomsg header{};
  header.ifi_index = link.ifindex;
  socket.request(Message(RTM_NEWLINK, 0).header(header).put(IFLA_ADDRESS, mac.bytes.data(), mac.bytes.size()),
                 "set the address of link '" + link.name + "' to " + mac.str());
}

bool remove_link(NetlinkSocket& socket, const std::string& name) {
  return socket.request_unless(ENODEV,
                               Message(RTM_DELLINK, 0).header(ifinfomsg{}).put_string(IFLA_IFNAME, name),
                               "remove link '" + name + "'");
}

std::optional<Link> wait_operational(NetlinkSocket& socket, const std::string& name, int milliseconds) {
  const auto find_operational = [&] {
    auto link = find_link(socket, name);
    if (link && link->operstate != IF_OPER_UP && link->operstate != IF_OPER_UNKNOWN) link.reset();
    return link;
  };
  if (auto link = find_operational()) return link;
  NetlinkSocket notifications = NetlinkSocket::open_subscribed(NETLINK_ROUTE, RTNLGRP_LINK);
  const base::Deadline deadline{std::chrono::milliseconds(milliseconds)};
  for (;;) {
    if (auto link = find_operational()) return link;
    if (deadline.passed()) return std::nullopt;
    notifications.wait_notification(std::chrono::milliseconds(deadline.milliseconds_left()));
  }
}

}  // namespace netlink
