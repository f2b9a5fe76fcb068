#include "common/netlink/address.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "common/base/deadline.h"

namespace netlink {
namespace {

Message address_message(int type, int flags, const Link& link, const base::IpNet& net,
                        uint8_t address_flags) {
  ifaddrmsg header{};
  header.ifa_family = static_cast<uint8_t>(net.address.af());
  header.ifa_prefixlen = net.prefix;
  header.ifa_flags = address_flags;
  header.ifa_scope = RT_SCOPE_UNIVERSE;
  header.ifa_index = static_cast<uint32_t>(link.ifindex);
  Message message(type, flags);
  message.header(header);
  message.put(IFA_LOCAL, net.address.data(), net.address.size());
  message.put(IFA_ADDRESS, net.address.data(), net.address.size());
  return message;
}

}  // namespace

std::optional<Address> parse_address(const nlmsghdr* message) {
  const auto* header = static_cast<const ifaddrmsg*>(nlmsg_data(message));
  const Attributes attributes = Attributes::of(message, sizeof *header);
  const auto bytes = attributes.find(IFA_LOCAL) ? attributes.bytes(IFA_LOCAL) : attributes.bytes(IFA_ADDRESS);
  const auto ip = base::IpAddress::from_bytes(bytes.data(), bytes.size());
  if (!ip) return std::nullopt;
  const uint32_t flags = attributes.find(IFA_FLAGS) ? attributes.u32(IFA_FLAGS) : header->ifa_flags;
  Address address{{*ip, header->ifa_prefixlen}};
  address.tentative = (flags & IFA_F_TENTATIVE) != 0;
  address.dad_failed = (flags & IFA_F_DADFAILED) != 0;
  address.link_scope = header->ifa_scope == RT_SCOPE_LINK;
  address.ifindex = static_cast<int>(header->ifa_index);
  address.scope = header->ifa_scope;
  address.permanent = (flags & IFA_F_PERMANENT) != 0;
  address.deprecated = (flags & IFA_F_DEPRECATED) != 0;
  address.secondary = (flags & IFA_F_SECONDARY) != 0;
  address.label = attributes.string(IFA_LABEL);
  return address;
}

std::vector<Address> addresses_of(NetlinkSocket& socket, const Link& link,
                                  std::optional<base::Family> family) {
  ifaddrmsg header{};
  if (family) header.ifa_family = static_cast<uint8_t>(base::default_route(*family).address.af());
  header.ifa_index = static_cast<uint32_t>(link.ifindex);
  Message query(RTM_GETADDR, 0);
  query.header(header);
  std::vector<Address> addresses;
  socket.dump(
      query, "list the addresses of link '" + link.name + "'", [&] { addresses.clear(); },
      [&](const nlmsghdr* message) {
        auto address = parse_address(message);
        // Old kernels do not filter, and those without IPv6 list IPv4.
        if (address && address->ifindex == link.ifindex &&
            (!family || address->net.address.family() == *family))
          addresses.push_back(*address);
      });
  return addresses;
}

std::vector<Address> all_addresses(NetlinkSocket& socket) {
  Message query(RTM_GETADDR, 0);
  query.header(ifaddrmsg{});
  std::vector<Address> addresses;
  socket.dump(
      query, "list the addresses", [&] { addresses.clear(); },
      [&](const nlmsghdr* message) {
        if (auto address = parse_address(message)) addresses.push_back(*address);
      });
  return addresses;
}

Message new_address_request(const Link& link, const base::IpNet& net, Dad dad) {
  const bool v4 = net.address.is_v4();
  const auto flags = static_cast<uint8_t>(!v4 && dad == Dad::no ? IFA_F_NODAD : 0);
  Message message = address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, link, net, flags);
  const base::IpAddress broadcast = net.last();
  if (v4 && net.prefix < 31) message.put(IFA_BROADCAST, broadcast.data(), broadcast.size());
  return message;
}

bool add_address(NetlinkSocket& socket, const Link& link, const base::IpNet& net, Dad dad) {
  return socket.request_unless(EEXIST, new_address_request(link, net, dad),
                               "add address " + net.str() + " to link '" + link.name + "'");
}

bool remove_address(NetlinkSocket& socket, const Link& link, const base::IpNet& net) {
  return socket.request_unless(EADDRNOTAVAIL, address_message(RTM_DELADDR, 0, link, net, 0),
                               "remove address " + net.str() + " from link '" + link.name + "'");
}

void wait_addresses_settled(NetlinkSocket& socket, const Netns& netns, const Link& link, int milliseconds) {
  const std::string doing = "wait for the addresses of link '" + link.name + "'";
  std::optional<NetlinkSocket> notifications;
  const base::Deadline deadline{std::chrono::milliseconds(milliseconds)};
  for (;;) {
    const auto addresses = addresses_of(socket, link);
    for (const Address& address : addresses)
      if (address.dad_failed)
        throw NetlinkError(EADDRINUSE, doing, address.net.str() + " is in use by another host");
    if (std::none_of(addresses.begin(), addresses.end(), [](const Address& one) { return one.tentative; }))
      return;
    if (deadline.passed()) throw NetlinkError(ETIMEDOUT, doing, "duplicate address detection did not end");
    if (notifications) {
      notifications->wait_notification(std::chrono::milliseconds(deadline.milliseconds_left()));
    } else {  // look once more after subscribing, so that no change falls in between
      const NetnsScope inside = netns.enter();
      notifications = NetlinkSocket::open_subscribed(NETLINK_ROUTE, RTNLGRP_IPV6_IFADDR);
    }
  }
}

}  // namespace netlink
