// Routes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/netlink/netns.h"
#include "common/netlink/socket.h"

namespace netlink {

constexpr uint32_t kMainTable = 254;      ///< RT_TABLE_MAIN
constexpr uint32_t kIpv6Priority = 1024;  ///< what the kernel gives an IPv6 route that names no priority
constexpr uint8_t kProtocolBoot = 3;      ///< RTPROT_BOOT, as of `ip route add` and of Go flanneld's routes

/// A route as the kernel holds it, or is to hold it.
struct Route {
  base::IpNet dst{};  ///< 0.0.0.0/0 or ::/0 is the default route
  std::optional<base::IpAddress> gw{};
  int ifindex = 0;       ///< the link that packets leave by; 0: none, as of a blackhole, or several
  uint8_t protocol = 0;  ///< who made it: RTPROT_*
  bool onlink = false;   ///< the gateway is taken to be on the link, whatever its address
  enum class Type : uint8_t { unicast, local, blackhole, other } type = Type::unicast;
  uint32_t priority = 0;  ///< metric; the lowest is used
  bool special = false;   ///< several paths, a nexthop object, a TOS, or a cached answer: never made here
  uint8_t scope = 0;      ///< RT_SCOPE_*
  uint32_t table = kMainTable;
  uint32_t mtu = 0, advmss = 0;              ///< bytes; 0: not set
  std::optional<base::IpAddress> prefsrc{};  ///< the source address that packets get
  std::vector<int> paths{};                  ///< the links of a multipath route

  bool operator==(const Route&) const = default;
  /// For a message: the destination, and the gateway and the table if it has them.
  [[nodiscard]] std::string str() const;
};

/// Adds a route. The kernel refuses it with EEXIST if it has the very same one.
Message add_route_request(const Route& route);
/// Adds a route, or puts it in the place of the one with the same destination and priority.
Message put_route_request(const Route& route);
/// Removes this route, not another one to the same destination.
Message remove_route_request(const Route& route);

/// The routes of one family through one link, in every table.
std::vector<Route> routes_through(NetlinkSocket& socket, int ifindex, base::Family family);
/// Those in the main table.
std::vector<Route> routes_of(NetlinkSocket& socket, int ifindex, base::Family family);
/// All routes of one family in the main table.
std::vector<Route> main_routes(NetlinkSocket& socket, base::Family family);
/// The blackholes of the main table.
std::vector<Route> blackholes(NetlinkSocket& socket, base::Family family);
/// The default routes of the main table, in the order in which the kernel would use them.
std::vector<Route> default_routes(NetlinkSocket& socket, base::Family family);

/// The IPv6 routes that the kernel learned from router advertisements, in every table.
std::vector<Route> learned_routes(NetlinkSocket& socket);

/// The route that the kernel takes to `destination` now; nullopt when it has none, or one that refuses
/// (unreachable, prohibit, blackhole).
std::optional<Route> route_toward(NetlinkSocket& socket, const base::IpAddress& destination);

inline constexpr std::chrono::milliseconds kAddressTime{1000};  ///< more than a busy machine takes

/// Waits until the kernel takes packets to `address` for its own. An address of IPv6 is there before that,
/// also without duplicate address detection: its route is made by a worker, which may have much to do.
/// `socket` is of `netns`; null: of the caller's. False at the end of the time.
bool wait_local(NetlinkSocket& socket, const Netns* netns, const base::IpAddress& address,
                std::chrono::milliseconds at_most = kAddressTime);

/// Reads RTM_NEWROUTE or RTM_DELROUTE; nullopt for a route of another family.
std::optional<Route> parse_route(const nlmsghdr* message);

}  // namespace netlink
