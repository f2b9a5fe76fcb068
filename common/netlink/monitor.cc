#include "common/netlink/monitor.h"

#include <endian.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstddef>
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

/// A program of the kernel's packet filter that passes all messages but those of the neighbours of other
/// links. It reads numbers in network byte order, and they are in the host's: include/uapi/linux/rtnetlink.h.
std::vector<sock_filter> neighbour_filter(const std::vector<int>& ifindexes) {
  constexpr uint32_t kPass = UINT32_MAX, kDrop = 0;
  constexpr uint32_t kType = offsetof(nlmsghdr, nlmsg_type);
  constexpr uint32_t kIfindex = NLMSG_HDRLEN + offsetof(ndmsg, ndm_ifindex);
  std::vector<sock_filter> program{
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kType),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htobe16(RTM_NEWNEIGH), 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htobe16(RTM_DELNEIGH), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, kPass),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kIfindex),
  };
  for (const int ifindex : ifindexes) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htobe32(static_cast<uint32_t>(ifindex)), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, kPass));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, kDrop));
  return program;
}

}  // namespace

Monitor Monitor::open() {
  NetlinkSocket socket = NetlinkSocket::open_subscribed(NETLINK_ROUTE, RTNLGRP_LINK);
  socket.filter(neighbour_filter({}));
  for (const unsigned group :
       {RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR})
    socket.subscribe(group);
  socket.enlarge_receive_buffer(kReceiveBufferBytes);
  return Monitor(std::move(socket));
}

void Monitor::watch_neighbours_of(std::vector<int> ifindexes) {
  if (ifindexes == ifindexes_) return;
  socket_.filter(neighbour_filter(ifindexes));
  ifindexes_ = std::move(ifindexes);
}

bool Monitor::drain(const std::function<void(const Change&)>& visit) {
  return socket_.drain_notifications([&](const nlmsghdr* message) {
    if (auto parsed = parse_change(message))
      visit({tells_removal(message), message->nlmsg_pid, std::move(*parsed)});
  });
}

}  // namespace netlink
