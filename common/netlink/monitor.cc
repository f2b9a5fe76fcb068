#include "common/netlink/monitor.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <optional>
#include <utility>

namespace netlink {
namespace {

/// Room for the notifications of some thousand changes at once, such as the end of a device with as many
/// entries; only what waits takes memory.
constexpr int kReceiveBufferBytes = 16 << 20;

using Object = std::variant<Link, Address, Route, Neighbour, FdbEntry>;

template <class Parsed>
std::optional<Object> object(std::optional<Parsed> parsed) {
  return parsed ? std::optional<Object>(std::move(*parsed)) : std::nullopt;
}

std::optional<Object> parse_change(const nlmsghdr* message) {
  switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      // Bridges use these messages for changes of their ports, with a family of their own.
      if (static_cast<const ifinfomsg*>(nlmsg_data(message))->ifi_family != AF_UNSPEC) return std::nullopt;
      return object(parse_link(message));
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return object(parse_address(message));
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      if (auto route = parse_route(message); route && route->table == kMainTable) return *route;
      return std::nullopt;
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      if (static_cast<const ndmsg*>(nlmsg_data(message))->ndm_family != AF_BRIDGE)
        return object(parse_neighbour(message));
      return object(parse_fdb(message));
    default:
      return std::nullopt;
  }
}

bool tells_removal(const nlmsghdr* message) {
  return message->nlmsg_type == RTM_DELLINK || message->nlmsg_type == RTM_DELADDR ||
         message->nlmsg_type == RTM_DELROUTE || message->nlmsg_type == RTM_DELNEIGH;
}

}  // namespace

Monitor Monitor::open() {
  NetlinkSocket socket = NetlinkSocket::open_subscribed(NETLINK_ROUTE, RTNLGRP_LINK);
  for (const unsigned group :
       {RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR})
    socket.subscribe(group);
  socket.enlarge_receive_buffer(kReceiveBufferBytes);
  return Monitor(std::move(socket));
}

bool Monitor::drain(const std::function<void(const Change&)>& visit) {
  return socket_.drain_notifications([&](const nlmsghdr* message) {
    if (auto parsed = parse_change(message))
      visit({tells_removal(message), message->nlmsg_pid, std::move(*parsed)});
  });
}

}  // namespace netlink
