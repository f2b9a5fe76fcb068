#include "common/netlink/route.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

namespace netlink {
namespace {

rtmsg route_header(const RouteSpec& route) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(route.dst.address.af());
  header.rtm_dst_len = route.dst.prefix;
  const uint32_t table = route.table.value_or(RT_TABLE_MAIN);
  header.rtm_table = static_cast<uint8_t>(table < 256 ? table : RT_TABLE_COMPAT);
  return header;
}

/// The kernel refuses a gateway on a link-scoped route, and needs link scope for a directly
/// connected one unless the caller says otherwise.
uint8_t scope_of(const RouteSpec& route) {
  return static_cast<uint8_t>(route.scope.value_or(RT_SCOPE_UNIVERSE));
}

std::optional<base::IpAddress> address_in(const Attributes& attributes, int type) {
  const auto bytes = attributes.bytes(type);
  return base::IpAddress::from_bytes(bytes.data(), bytes.size());
}

/// The links of a route: one, or those of its paths.
std::vector<int> links_of(const Attributes& attributes) {
  if (attributes.find(RTA_OIF)) return {static_cast<int>(attributes.u32(RTA_OIF))};
  std::vector<int> ifindexes;
  std::string_view rest = attributes.bytes(RTA_MULTIPATH);
  while (rest.size() >= sizeof(rtnexthop)) {
    rtnexthop path;
    std::memcpy(&path, rest.data(), sizeof path);
    if (path.rtnh_len < sizeof path) break;
    ifindexes.push_back(path.rtnh_ifindex);
    rest.remove_prefix(std::min<size_t>(RTNH_ALIGN(path.rtnh_len), rest.size()));
  }
  return ifindexes;
}

}  // namespace

std::string RouteSpec::str() const {
  return dst.str() + (gw ? " via " + gw->str() : "") + (table ? " table " + std::to_string(*table) : "");
}

Message new_route_request(const Link& link, const RouteSpec& route) {
  rtmsg header = route_header(route);
  header.rtm_protocol = RTPROT_BOOT;
  header.rtm_scope = scope_of(route);
  header.rtm_type = RTN_UNICAST;
  const base::IpAddress destination = route.dst.network().address;
  Message message(RTM_NEWROUTE, NLM_F_CREATE);
  message.header(header);
  if (route.dst.prefix != 0) message.put(RTA_DST, destination.data(), destination.size());
  if (route.gw) message.put(RTA_GATEWAY, route.gw->data(), route.gw->size());
  message.put_u32(RTA_OIF, static_cast<uint32_t>(link.ifindex));
  if (route.priority != 0) message.put_u32(RTA_PRIORITY, route.priority);
  if (route.table) message.put_u32(RTA_TABLE, *route.table);
  if (route.mtu != 0 || route.advmss != 0) {
    message.nest(RTA_METRICS, [&] {
      if (route.mtu != 0) message.put_u32(RTAX_MTU, route.mtu);
      if (route.advmss != 0) message.put_u32(RTAX_ADVMSS, route.advmss);
    });
  }
  return message;
}

bool add_route(NetlinkSocket& socket, const Link& link, const RouteSpec& route) {
  return socket.request_unless(EEXIST, new_route_request(link, route),
                               "add route " + route.str() + " on link '" + link.name + "'");
}

bool has_route(NetlinkSocket& socket, const Link& link, const RouteSpec& route) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(route.dst.address.af());
  Message query(RTM_GETROUTE, 0);
  query.header(header).put_u32(RTA_OIF, static_cast<uint32_t>(link.ifindex));
  const base::IpNet wanted = route.dst.network();
  bool found = false;
  socket.dump(
      query, "list the routes of link '" + link.name + "'", [&] { found = false; },
      [&](const nlmsghdr* message) {
        const auto* entry = static_cast<const rtmsg*>(nlmsg_data(message));
        const Attributes attributes = Attributes::of(message, sizeof *entry);
        if (entry->rtm_family != header.rtm_family || entry->rtm_dst_len != wanted.prefix) return;
        if (attributes.u32(RTA_OIF) != static_cast<uint32_t>(link.ifindex) ||
            (route.table && attributes.u32(RTA_TABLE) != *route.table))
          return;
        const auto same = [](const base::IpAddress& ip, std::string_view bytes) {
          return bytes.size() == ip.size() &&
                 std::equal(bytes.begin(), bytes.end(), reinterpret_cast<const char*>(ip.data()));
        };
        if (wanted.prefix != 0 && !same(wanted.address, attributes.bytes(RTA_DST))) return;
        if (route.gw && !same(*route.gw, attributes.bytes(RTA_GATEWAY))) return;
        found = true;
      });
  return found;
}

std::optional<RouteAnswer> route_toward(NetlinkSocket& socket, const base::IpAddress& destination) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(destination.af());
  header.rtm_dst_len = static_cast<uint8_t>(destination.bits());
  Message query(RTM_GETROUTE, 0);
  query.header(header).put(RTA_DST, destination.data(), destination.size());
  std::optional<RouteAnswer> answer;
  try {
    socket.get(query, "look up the route to " + destination.str(), [&](const nlmsghdr* message) {
      const auto* entry = static_cast<const rtmsg*>(nlmsg_data(message));
      const Attributes attributes = Attributes::of(message, sizeof *entry);
      const bool usable = entry->rtm_type == RTN_UNICAST || entry->rtm_type == RTN_LOCAL;
      if (usable && attributes.find(RTA_OIF))
        answer = RouteAnswer{static_cast<int>(attributes.u32(RTA_OIF)), address_in(attributes, RTA_PREFSRC),
                             address_in(attributes, RTA_GATEWAY)};
    });
  } catch (const NetlinkError& error) {
    // No route, or one of type unreachable, prohibit or blackhole: each has an errno of its own.
    const int reason = error.error_number();
    if (reason != ENETUNREACH && reason != EHOSTUNREACH && reason != EACCES && reason != EINVAL) throw;
  }
  return answer;
}

std::vector<DefaultRoute> default_routes(NetlinkSocket& socket, base::Family family) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(base::default_route(family).address.af());
  Message query(RTM_GETROUTE, 0);
  query.header(header);
  std::vector<DefaultRoute> routes;
  socket.dump(
      query, "list the default routes", [&] { routes.clear(); },
      [&](const nlmsghdr* message) {
        const auto* entry = static_cast<const rtmsg*>(nlmsg_data(message));
        const Attributes attributes = Attributes::of(message, sizeof *entry);
        if (entry->rtm_family != header.rtm_family || entry->rtm_dst_len != 0 ||
            entry->rtm_type != RTN_UNICAST || attributes.u32(RTA_TABLE) != RT_TABLE_MAIN)
          return;
        DefaultRoute route{attributes.u32(RTA_PRIORITY), links_of(attributes)};
        if (!route.ifindexes.empty()) routes.push_back(std::move(route));
      });
  std::stable_sort(routes.begin(), routes.end(),
                   [](const DefaultRoute& a, const DefaultRoute& b) { return a.priority < b.priority; });
  return routes;
}

namespace {

std::optional<base::Family> family_of(const rtmsg& header) {
  if (header.rtm_family == AF_INET) return base::Family::v4;
  if (header.rtm_family == AF_INET6) return base::Family::v6;
  return std::nullopt;
}

Route::Type type_of(const rtmsg& header) {
  if (header.rtm_type == RTN_UNICAST) return Route::Type::unicast;
  return header.rtm_type == RTN_BLACKHOLE ? Route::Type::blackhole : Route::Type::other;
}

Message route_message(int type, int flags, const Route& route) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(route.dst.address.af());
  header.rtm_dst_len = route.dst.prefix;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = route.protocol;
  header.rtm_scope = type == RTM_DELROUTE ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE;  // NOWHERE: whatever it has
  header.rtm_type = route.type == Route::Type::blackhole ? RTN_BLACKHOLE : RTN_UNICAST;
  if (route.onlink) header.rtm_flags = RTNH_F_ONLINK;
  Message message(type, flags);
  message.header(header);
  if (route.dst.prefix != 0) message.put(RTA_DST, route.dst.address.data(), route.dst.address.size());
  if (route.gw) message.put(RTA_GATEWAY, route.gw->data(), route.gw->size());
  if (route.ifindex != 0) message.put_u32(RTA_OIF, static_cast<uint32_t>(route.ifindex));
  if (route.priority != 0) message.put_u32(RTA_PRIORITY, route.priority);
  return message;
}

std::vector<Route> dump_routes(NetlinkSocket& socket, base::Family family, const std::string& doing,
                               const Message& query, const std::function<bool(const Route&)>& wanted) {
  std::vector<Route> routes;
  socket.dump(
      query, doing, [&] { routes.clear(); },
      [&](const nlmsghdr* message) {
        const auto route = parse_route(message);
        // Old kernels do not filter, and those without IPv6 list IPv4.
        if (route && route->dst.address.family() == family && wanted(*route)) routes.push_back(*route);
      });
  return routes;
}

}  // namespace

std::optional<Route> parse_route(const nlmsghdr* message) {
  const auto* header = static_cast<const rtmsg*>(nlmsg_data(message));
  const Attributes attributes = Attributes::of(message, sizeof *header);
  const auto family = family_of(*header);
  if (!family || attributes.u32(RTA_TABLE) != RT_TABLE_MAIN || (header->rtm_flags & RTM_F_CLONED) != 0)
    return std::nullopt;
  Route route;
  route.dst = {address_in(attributes, RTA_DST).value_or(base::default_route(*family).address),
               header->rtm_dst_len};
  route.gw = address_in(attributes, RTA_GATEWAY);
  route.type = type_of(*header);
  // IPv6 says that a blackhole leads to lo.
  if (route.type == Route::Type::unicast) route.ifindex = static_cast<int>(attributes.u32(RTA_OIF));
  route.protocol = header->rtm_protocol;
  route.onlink = (header->rtm_flags & RTNH_F_ONLINK) != 0;
  route.priority = attributes.u32(RTA_PRIORITY);
  route.special = attributes.find(RTA_MULTIPATH) || attributes.find(RTA_NH_ID) || attributes.find(RTA_VIA) ||
                  header->rtm_tos != 0;
  return route;
}

std::vector<Route> routes_of(NetlinkSocket& socket, int ifindex, base::Family family) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(base::default_route(family).address.af());
  Message query(RTM_GETROUTE, 0);
  query.header(header).put_u32(RTA_OIF, static_cast<uint32_t>(ifindex));
  return dump_routes(socket, family, "list the routes of a link", query,
                     [&](const Route& route) { return route.ifindex == ifindex; });
}

std::vector<Route> blackholes(NetlinkSocket& socket, base::Family family) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(base::default_route(family).address.af());
  header.rtm_type = RTN_BLACKHOLE;
  Message query(RTM_GETROUTE, 0);
  query.header(header);
  return dump_routes(socket, family, "list the blackhole routes", query,
                     [](const Route& route) { return route.type == Route::Type::blackhole; });
}

Message put_route(const Route& route) {
  return route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
}

Message remove_route(const Route& route) { return route_message(RTM_DELROUTE, 0, route); }

}  // namespace netlink
