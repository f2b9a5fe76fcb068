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

/// How the kernel would reach an address.
struct RouteAnswer {
  int ifindex = 0;                         ///< the link that packets leave by
  std::optional<base::IpAddress> prefsrc;  ///< the source address they get
  std::optional<base::IpAddress> gw;       ///< none: directly connected
};

/// The route that the kernel takes toward `destination` now; nullopt when it has none, or one that
/// refuses (unreachable, prohibit, blackhole).
std::optional<RouteAnswer> route_toward(NetlinkSocket& socket, const base::IpAddress& destination);

/// A default route of the main table.
struct DefaultRoute {
  uint32_t priority = 0;       ///< metric; the lowest is used
  std::vector<int> ifindexes;  ///< one, or one per path of a multipath route
};

/// In the order in which the kernel would use them.
std::vector<DefaultRoute> default_routes(NetlinkSocket& socket, base::Family family);

}  // namespace netlink
