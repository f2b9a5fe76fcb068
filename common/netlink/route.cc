#include "common/netlink/route.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

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

bool add_route(NetlinkSocket& socket, const Link& link, const RouteSpec& route) {
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
  return socket.request_unless(EEXIST, message, "add route " + route.str() + " on link '" + link.name + "'");
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

}  // namespace netlink
