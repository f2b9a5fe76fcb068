#include "common/netlink/route.h"

#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>

#include "common/netlink/object.h"

namespace netlink {
namespace {

Route::Type type_of(int type) {
  switch (type) {
    case RTN_UNICAST:
      return Route::Type::unicast;
    case RTN_LOCAL:
      return Route::Type::local;
    case RTN_BLACKHOLE:
      return Route::Type::blackhole;
    default:
      return Route::Type::other;
  }
}

RouteObject route_object(const Route& route) {
  auto object = own<RouteObject>(rtnl_route_alloc());
  const base::IpNet dst = route.dst.network();
  const size_t bytes = dst.prefix == 0 ? 0 : dst.address.size();  // none for a default route
  const auto address = own<NlAddress>(nl_addr_build(dst.address.af(), dst.address.data(), bytes));
  nl_addr_set_prefixlen(address.get(), dst.prefix);
  check(rtnl_route_set_dst(object.get(), address.get()));
  rtnl_route_set_table(object.get(), route.table);
  rtnl_route_set_protocol(object.get(), route.protocol);
  rtnl_route_set_scope(object.get(), route.scope);
  check(
      rtnl_route_set_type(object.get(), route.type == Route::Type::blackhole ? RTN_BLACKHOLE : RTN_UNICAST));
  if (route.priority != 0) rtnl_route_set_priority(object.get(), route.priority);
  if (route.prefsrc) check(rtnl_route_set_pref_src(object.get(), to_nl(*route.prefsrc).get()));
  if (route.mtu != 0) check(rtnl_route_set_metric(object.get(), RTAX_MTU, route.mtu));
  if (route.advmss != 0) check(rtnl_route_set_metric(object.get(), RTAX_ADVMSS, route.advmss));
  if (route.gw || route.ifindex != 0) {
    rtnl_nexthop* path = rtnl_route_nh_alloc();
    if (!path) throw std::bad_alloc();
    rtnl_route_add_nexthop(object.get(), path);  // which now owns it
    rtnl_route_nh_set_ifindex(path, route.ifindex);
    if (route.gw) rtnl_route_nh_set_gateway(path, to_nl(*route.gw).get());
    if (route.onlink) rtnl_route_nh_set_flags(path, RTNH_F_ONLINK);
  }
  return object;
}

void read_paths(rtnl_route* object, Route& route) {
  const int paths = rtnl_route_get_nnexthops(object);
  route.special = route.special || paths > 1;
  for (int i = 0; i < paths; ++i) {
    rtnl_nexthop* path = rtnl_route_nexthop_n(object, i);
    route.paths.push_back(rtnl_route_nh_get_ifindex(path));
    if (paths > 1) continue;
    route.ifindex = route.paths.front();
    route.paths.clear();
    route.gw = to_ip(rtnl_route_nh_get_gateway(path));
    route.onlink = (rtnl_route_nh_get_flags(path) & RTNH_F_ONLINK) != 0;
    route.special = route.special || rtnl_route_nh_get_via(path);
  }
}

Message route_query(base::Family family) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(base::af(family));
  Message query(RTM_GETROUTE, 0);
  query.header(header);
  return query;
}

template <class IsWanted>
std::vector<Route> list_routes(NetlinkSocket& socket, base::Family family, const Message& query,
                               const std::string& doing, IsWanted&& is_wanted) {
  auto routes = socket.list(query, doing, parse_route);
  // Old kernels do not filter, and those without IPv6 list IPv4.
  std::erase_if(
      routes, [&](const Route& route) { return route.dst.address.family() != family || !is_wanted(route); });
  return routes;
}

}  // namespace

std::string Route::str() const {
  return fmt::format("{}{}{}", dst, gw ? fmt::format(" via {}", *gw) : "",
                     table != kMainTable ? fmt::format(" table {}", table) : "");
}

Message add_route_request(const Route& route) {
  return build(rtnl_route_build_add_request, route_object(route));
}

Message put_route_request(const Route& route) {
  return build(rtnl_route_build_add_request, route_object(route), NLM_F_REPLACE);
}

Message remove_route_request(const Route& route) {
  const RouteObject object = route_object(route);
  rtnl_route_set_scope(object.get(), RT_SCOPE_NOWHERE);  // whatever it has
  return build(rtnl_route_build_del_request, object);
}

std::optional<Route> parse_route(const nlmsghdr* message) {
  const auto object = parse<RouteObject>(message);
  const int family = object ? rtnl_route_get_family(object.get()) : AF_UNSPEC;
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  const nl_addr* dst = rtnl_route_get_dst(object.get());
  const base::IpNet everywhere = base::default_route(family == AF_INET ? base::Family::v4 : base::Family::v6);
  Route route;
  route.dst = {to_ip(dst).value_or(everywhere.address), static_cast<uint8_t>(nl_addr_get_prefixlen(dst))};
  route.protocol = rtnl_route_get_protocol(object.get());
  route.type = type_of(rtnl_route_get_type(object.get()));
  route.priority = rtnl_route_get_priority(object.get());
  route.scope = rtnl_route_get_scope(object.get());
  route.table = rtnl_route_get_table(object.get());
  route.prefsrc = to_ip(rtnl_route_get_pref_src(object.get()));
  rtnl_route_get_metric(object.get(), RTAX_MTU, &route.mtu);
  rtnl_route_get_metric(object.get(), RTAX_ADVMSS, &route.advmss);
  // libnl 3.7 knows no nexthop objects.
  route.special = rtnl_route_get_tos(object.get()) != 0 ||
                  (rtnl_route_get_flags(object.get()) & RTM_F_CLONED) != 0 ||
                  Attributes::of(message, sizeof(rtmsg)).find(RTA_NH_ID) != nullptr;
  // IPv6 says that a blackhole leads to lo.
  if (route.type == Route::Type::unicast || route.type == Route::Type::local) read_paths(object.get(), route);
  return route;
}

std::vector<Route> routes_through(NetlinkSocket& socket, int ifindex, base::Family family) {
  Message query = route_query(family);
  query.put_u32(RTA_OIF, static_cast<uint32_t>(ifindex));
  return list_routes(socket, family, query, "list the routes of a link",
                     [&](const Route& route) { return route.ifindex == ifindex; });
}

std::vector<Route> routes_of(NetlinkSocket& socket, int ifindex, base::Family family) {
  auto routes = routes_through(socket, ifindex, family);
  std::erase_if(routes, [](const Route& route) { return route.table != kMainTable; });
  return routes;
}

std::vector<Route> main_routes(NetlinkSocket& socket, base::Family family) {
  Message query = route_query(family);
  query.put_u32(RTA_TABLE, kMainTable);
  return list_routes(socket, family, query, "list the routes of the main table",
                     [](const Route& route) { return route.table == kMainTable; });
}

std::vector<Route> blackholes(NetlinkSocket& socket, base::Family family) {
  Message query = route_query(family);
  static_cast<rtmsg*>(nlmsg_data(query.raw()))->rtm_type = RTN_BLACKHOLE;
  return list_routes(socket, family, query, "list the blackhole routes", [](const Route& route) {
    return route.type == Route::Type::blackhole && route.table == kMainTable;
  });
}

std::vector<Route> default_routes(NetlinkSocket& socket, base::Family family) {
  auto routes =
      list_routes(socket, family, route_query(family), "list the default routes", [](const Route& route) {
        return route.dst.prefix == 0 && route.type == Route::Type::unicast && route.table == kMainTable &&
               (route.ifindex != 0 || !route.paths.empty());
      });
  std::stable_sort(routes.begin(), routes.end(),
                   [](const Route& a, const Route& b) { return a.priority < b.priority; });
  return routes;
}

std::vector<Route> learned_routes(NetlinkSocket& socket) {
  return list_routes(socket, base::Family::v6, route_query(base::Family::v6), "list the learned routes",
                     [](const Route& route) { return route.protocol == RTPROT_RA; });
}

std::optional<Route> route_toward(NetlinkSocket& socket, const base::IpAddress& destination) {
  Message query = route_query(destination.family());
  static_cast<rtmsg*>(nlmsg_data(query.raw()))->rtm_dst_len = static_cast<uint8_t>(destination.bits());
  query.put(RTA_DST, destination.data(), destination.size());
  std::optional<Route> answer;
  try {
    socket.get(query, fmt::format("look up the route to {}", destination),
               [&](const nlmsghdr* message) { answer = parse_route(message); });
  } catch (const NetlinkError& error) {
    // No route, or one of type unreachable, prohibit or blackhole: each has an errno of its own.
    const int reason = error.error_number();
    if (reason != ENETUNREACH && reason != EHOSTUNREACH && reason != EACCES && reason != EINVAL) throw;
  }
  if (answer && answer->ifindex == 0) answer.reset();
  return answer;
}

bool wait_local(NetlinkSocket& socket, const Netns* netns, const base::IpAddress& address,
                std::chrono::milliseconds at_most) {
  const auto is_local = [&] {
    const auto route = route_toward(socket, address);
    return route && route->type == Route::Type::local;
  };
  if (is_local()) return true;
  NetlinkSocket notifications = netns ? NetlinkSocket::open_in(*netns) : NetlinkSocket::open();
  notifications.subscribe(address.is_v4() ? RTNLGRP_IPV4_ROUTE : RTNLGRP_IPV6_ROUTE);
  for (const base::Deadline deadline(at_most); !deadline.passed(); notifications.wait_notification(deadline))
    if (is_local()) return true;
  return is_local();
}

}  // namespace netlink
