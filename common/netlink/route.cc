#include "common/netlink/route.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>

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

}  // namespace netlink
