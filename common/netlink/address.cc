#include "common/netlink/address.h"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>

#include "common/base/deadline.h"
#include "common/base/text.h"
#include "common/netlink/object.h"

namespace netlink {
namespace {

AddressObject address_object(int ifindex, const base::IpNet& net) {
  auto address = own<AddressObject>(rtnl_addr_alloc());
  rtnl_addr_set_ifindex(address.get(), ifindex);
  check(rtnl_addr_set_local(address.get(), to_nl(net).get()));
  rtnl_addr_set_scope(address.get(), RT_SCOPE_UNIVERSE);
  return address;
}

/// Of all links if `ifindex` is 0.
std::vector<Address> list_addresses(NetlinkSocket& socket, int ifindex, int family, const std::string& doing,
                                    std::optional<int32_t> netns = {}) {
  ifaddrmsg header{};
  header.ifa_family = static_cast<uint8_t>(family);
  header.ifa_index = static_cast<uint32_t>(ifindex);
  Message query(RTM_GETADDR, 0);
  query.header(header);
  if (netns) query.put_u32(IFA_TARGET_NETNSID, static_cast<uint32_t>(*netns));
  auto addresses = socket.list(query, doing, parse_address);
  // Old kernels do not filter, and those without IPv6 list IPv4.
  std::erase_if(addresses, [&](const Address& address) {
    return (ifindex != 0 && address.ifindex != ifindex) ||
           (family != AF_UNSPEC && address.net.address.af() != family);
  });
  return addresses;
}

}  // namespace

std::optional<Address> parse_address(const nlmsghdr* message) {
  const auto object = parse<AddressObject>(message);
  const auto ip = object ? to_ip(rtnl_addr_get_local(object.get())) : std::nullopt;
  if (!ip) return std::nullopt;
  const unsigned flags = rtnl_addr_get_flags(object.get());
  Address address{{*ip, static_cast<uint8_t>(rtnl_addr_get_prefixlen(object.get()))}};
  address.ifindex = rtnl_addr_get_ifindex(object.get());
  address.scope = static_cast<uint8_t>(rtnl_addr_get_scope(object.get()));
  address.tentative = (flags & IFA_F_TENTATIVE) != 0;
  address.dad_failed = (flags & IFA_F_DADFAILED) != 0;
  address.permanent = (flags & IFA_F_PERMANENT) != 0;
  address.deprecated = (flags & IFA_F_DEPRECATED) != 0;
  address.secondary = (flags & IFA_F_SECONDARY) != 0;
  address.protocol = Attributes::of(message, sizeof(ifaddrmsg)).u8(IFA_PROTO);
  if (const char* label = rtnl_addr_get_label(object.get())) address.label = label;
  return address;
}

std::vector<Address> addresses_of(NetlinkSocket& socket, const Link& link,
                                  std::optional<base::Family> family) {
  return list_addresses(socket, link.ifindex, family ? base::af(*family) : AF_UNSPEC,
                        fmt::format("list the addresses of link {}", base::quoted(link.name)));
}

std::vector<Address> addresses_in(NetlinkSocket& socket, int32_t netns, int ifindex) {
  std::vector<Address> all;
  for (const base::Family family : base::kFamilies) try {  // one at a time, or the number is not heeded
      const auto some =
          list_addresses(socket, ifindex, base::af(family),
                         fmt::format("list the addresses of link {} of namespace {}", ifindex, netns), netns);
      all.insert(all.end(), some.begin(), some.end());
    } catch (const NetlinkError& error) {
      if (error.error_number() != EINVAL && error.error_number() != ENODEV) throw;
    }
  return all;
}

std::vector<Address> all_addresses(NetlinkSocket& socket) {
  return list_addresses(socket, 0, AF_UNSPEC, "list the addresses");
}

Message add_address_request(int ifindex, const base::IpNet& net, Dad dad, PrefixRoute prefix_route) {
  const AddressObject address = address_object(ifindex, net);
  if (!net.address.is_v4() && dad == Dad::no) rtnl_addr_set_flags(address.get(), IFA_F_NODAD);
  if (prefix_route == PrefixRoute::no) rtnl_addr_set_flags(address.get(), IFA_F_NOPREFIXROUTE);
  if (net.address.is_v4() && net.prefix < 31)
    check(rtnl_addr_set_broadcast(address.get(), to_nl(net.last()).get()));
  return build(rtnl_addr_build_add_request, address, NLM_F_EXCL);
}

bool add_address(NetlinkSocket& socket, const Link& link, const base::IpNet& net, Dad dad, uint8_t protocol) {
  Message request = add_address_request(link.ifindex, net, dad);
  if (protocol != 0) request.put_u8(IFA_PROTO, protocol);  // libnl 3.7 does not know it
  return socket.request_unless(EEXIST, request,
                               fmt::format("add address {} to link {}", net, base::quoted(link.name)));
}

bool remove_address(NetlinkSocket& socket, const Link& link, const base::IpNet& net) {
  return socket.request_unless(EADDRNOTAVAIL,
                               build(rtnl_addr_build_delete_request, address_object(link.ifindex, net)),
                               fmt::format("remove address {} from link {}", net, base::quoted(link.name)));
}

void wait_addresses_settled(NetlinkSocket& socket, const Netns& netns, int ifindex,
                            std::chrono::milliseconds at_most) {
  const std::string doing = fmt::format("wait for the addresses of link {}", ifindex);
  std::optional<NetlinkSocket> notifications;
  const base::Deadline deadline(at_most);
  for (;;) {
    const auto addresses = list_addresses(socket, ifindex, AF_UNSPEC, doing);
    for (const Address& address : addresses)
      if (address.dad_failed)
        throw NetlinkError(EADDRINUSE, doing, fmt::format("{} is in use by another host", address.net));
    if (std::none_of(addresses.begin(), addresses.end(), [](const Address& one) { return one.tentative; }))
      return;
    if (deadline.passed()) throw NetlinkError(ETIMEDOUT, doing, "duplicate address detection did not end");
    if (notifications) {
      notifications->wait_notification(deadline);
    } else {  // look once more after subscribing, so that no change falls in between
      const NetnsScope inside = netns.enter();
      notifications = NetlinkSocket::open_subscribed(NETLINK_ROUTE, RTNLGRP_IPV6_IFADDR);
    }
  }
}

}  // namespace netlink
