// Routes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace netlink {

struct RouteSpec {
  base::IpNet dst;  ///< 0.0.0.0/0 or ::/0 is the default route
  std::optional<base::IpAddress> gw;
  uint32_t priority = 0;                 ///< metric; 0: the kernel's default
  std::optional<uint32_t> table, scope;  ///< default: main, universe
  uint32_t mtu = 0, advmss = 0;          ///< bytes; 0: not set
  [[nodiscard]] std::string str() const;
};

/// Adds a route through `link`; false if the very same one is there.
bool add_route(NetlinkSocket& socket, const Link& link, const RouteSpec& route);

/// True if there is a route through `link` with the same destination, and with the same gateway and in
/// the same table if these are given.
bool has_route(NetlinkSocket& socket, const Link& link, const RouteSpec& route);

}  // namespace netlink
