#include "flanneld/kernel/reverse_path.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <vector>

#include "common/netlink/address.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "common/netlink/sysctl.h"
#include "flanneld/backend/registry.h"

namespace flanneld {
namespace {

using base::Family;

enum class Strict : uint8_t { no, by_link, by_all };

std::string read_filter(const std::string& link) {
  return netlink::read_sysctl(fmt::format("net/ipv4/conf/{}/rp_filter", link)).value_or("0");
}

/// Of both values the higher one counts; 1 is strict, 2 is loose.
Strict look_at_filter(const std::string& link) {
  const std::string all = read_filter("all"), own = read_filter(link);
  if (std::max(all, own) != "1") return Strict::no;
  return own == "1" ? Strict::by_link : Strict::by_all;
}

std::string advise_loose(const std::string& link) {
  return fmt::format("sysctl -w net/ipv4/conf/{}/rp_filter=2, and put it into /etc/sysctl.d to last", link);
}

/// The link that has the address from which this node sends through `tunnel`; 0: not certain.
int sending_link(netlink::NetlinkSocket& socket, const netlink::Link& tunnel, const netlink::Route& to_pods) {
  const auto route = netlink::route_toward(socket, to_pods.dst.address.next());
  if (!route || route->ifindex != tunnel.ifindex || !route->prefsrc) return 0;
  for (const netlink::Address& address : netlink::all_addresses(socket))
    if (address.net.address == *route->prefsrc) return address.ifindex;
  return 0;
}

std::optional<LostAnswers> find_lost_behind(netlink::NetlinkSocket& socket, const netlink::Link& tunnel) {
  const auto routes = netlink::routes_of(socket, tunnel.ifindex, Family::v4);
  if (routes.empty()) return std::nullopt;
  const int index = sending_link(socket, tunnel, routes.front());
  if (index == 0 || index == tunnel.ifindex) return std::nullopt;
  const auto link = netlink::find_link(socket, index);
  // Packets to an address of such a link come in by any other.
  if (!link || (link->flags & IFF_LOOPBACK) != 0 || link->kind == "dummy") return std::nullopt;
  const Strict strict = look_at_filter(link->name);
  if (strict == Strict::no) return std::nullopt;
  return LostAnswers{.link = link->name,
                     .tunnel = tunnel.name,
                     .subnets = routes.size(),
                     .by_all = strict == Strict::by_all};
}

}  // namespace

std::string LostAnswers::finding() const {
  return fmt::format(
      "net/ipv4/conf/{}/rp_filter is 1, strict: '{}' drops what pods of {} {} answer to this node, which "
      "reaches them through '{}'",
      by_all ? "all" : link, link, subnets, subnets == 1 ? "subnet" : "subnets", tunnel);
}

std::string LostAnswers::advice() const { return advise_loose(link); }

std::string LostSenders::finding() const {
  return fmt::format(
      "net/ipv4/conf/{}/rp_filter is 1, strict: '{}' drops what {} {} to this node, the first {}: the way "
      "back there leads through '{}'",
      by_all ? "all" : link, link, count, count == 1 ? "node sends" : "nodes send", first, way_back);
}

std::string LostSenders::advice() const {
  return fmt::format("have a route to them through '{}', or {}", link, advise_loose(link));
}

std::optional<LostSenders> find_lost_senders(netlink::NetlinkSocket& socket, const netlink::Link& link,
                                             const std::vector<base::IpAddress>& senders) {
  const Strict strict = look_at_filter(link.name);
  if (strict == Strict::no) return std::nullopt;
  LostSenders lost{.link = link.name, .way_back = {}, .first = {}, .by_all = strict == Strict::by_all};
  int ifindex = 0;
  for (const base::IpAddress& sender : senders) {
    const auto route = netlink::route_toward(socket, sender);
    if (!route || route->ifindex == link.ifindex || ++lost.count > 1) continue;
    lost.first = sender;
    ifindex = route->ifindex;
  }
  if (lost.count == 0) return std::nullopt;
  if (const auto other = netlink::find_link(socket, ifindex)) lost.way_back = other->name;
  return lost;
}

std::optional<LostAnswers> find_lost_answers(netlink::NetlinkSocket& socket) {
  for (const netlink::Link& link : netlink::all_links(socket)) {
    if (!link.is_up() || !find_device_overhead(link.kind, link.name)) continue;
    if (auto lost = find_lost_behind(socket, link)) return lost;
  }
  return std::nullopt;
}

}  // namespace flanneld
