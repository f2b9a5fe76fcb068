// The kernel's notifications about links, addresses, routes and neighbours, as plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <variant>
#include <vector>

#include "common/netlink/address.h"
#include "common/netlink/link.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/route.h"
#include "common/netlink/socket.h"

namespace netlink {

/// One object that was added, changed or removed. Routes are those of the main table.
struct Change {
  bool removed = false;
  uint32_t by_port = 0;  ///< port_id() of the socket that asked for it, where the kernel tells; else 0
  std::variant<Link, Address, Route, Neighbour, FdbEntry> object;
};

/// Subscribed for life, in the network namespace of the caller.
class Monitor {
 public:
  /// Without neighbours and forwarding entries. Throws SystemError.
  static Monitor open();

  /// Shows neighbours and forwarding entries of these links from now on, and of no other: on a bridge, who
  /// sends there decides how many the kernel tells of, in millions. Whoever listens to a new link reads its
  /// entries after this call.
  void watch_neighbours_of(std::vector<int> ifindexes);

  /// Readable while notifications wait.
  [[nodiscard]] int fd() const { return socket_.fd(); }
  /// Shows notifications that wait, up to about a thousand, without blocking. False when the kernel had to
  /// drop some: then read the state itself.
  bool drain(const std::function<void(const Change&)>& visit);

 private:
  explicit Monitor(NetlinkSocket socket) : socket_(std::move(socket)) {}
  NetlinkSocket socket_;
  std::vector<int> ifindexes_;  ///< whose neighbours are shown
};

}  // namespace netlink
