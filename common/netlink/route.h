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
/// What it sends. The kernel refuses with EEXIST what is there.
Message new_route_request(const Link& link, const RouteSpec& route);

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

/// A route of the main table as the kernel holds it.
struct Route {
  base::IpNet dst;
  std::optional<base::IpAddress> gw;
  int ifindex = 0;       ///< 0: none, as of a blackhole, or several
  uint8_t protocol = 0;  ///< who made it: RTPROT_*
  bool onlink = false;   ///< the gateway is taken to be on the link, whatever its address
  enum class Type : uint8_t { unicast, blackhole, other } type = Type::unicast;
  uint32_t priority = 0;  ///< metric; IPv6 has kIpv6Priority for "none given"
  bool special = false;   ///< several paths, a nexthop object or a TOS: none that is made here
  bool operator==(const Route&) const = default;
};
constexpr uint32_t kIpv6Priority = 1024;
constexpr uint8_t kProtocolBoot = 3;  ///< RTPROT_BOOT, as of `ip route add` and of Go flanneld's routes

/// The routes of the main table through one link.
std::vector<Route> routes_of(NetlinkSocket& socket, int ifindex, base::Family family);
/// The blackholes of the main table.
std::vector<Route> blackholes(NetlinkSocket& socket, base::Family family);

/// Adds a route, or puts it in the place of the one with the same destination and priority.
Message put_route(const Route& route);
/// Removes just that route, not another to the same destination.
Message remove_route(const Route& route);

/// Reads RTM_NEWROUTE or RTM_DELROUTE; nullopt for another table, a cached route or another family.
std::optional<Route> parse_route(const nlmsghdr* message);

}  // namespace netlink
