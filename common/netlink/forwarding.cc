#include "common/netlink/forwarding.h"

#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <set>

#include "common/netlink/address.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "common/netlink/sysctl.h"

namespace netlink {
namespace {

/// The links through which this host has learned from routers how to reach others, or an address of its own.
std::set<int> links_toward_routers(NetlinkSocket& socket) {
  std::set<int> links;
  for (const Route& route : learned_routes(socket)) links.insert(route.ifindex);
  for (const Address& address : all_addresses(socket))
    if (!address.net.address.is_v4() && !address.permanent && address.scope == RT_SCOPE_UNIVERSE)
      links.insert(address.ifindex);
  return links;
}

void keep_listening_to_routers(NetlinkSocket& socket) {
  for (const int ifindex : links_toward_routers(socket)) {
    const auto link = find_link(socket, ifindex);
    if (link && link->ipv6 && link->ipv6->accept_ra == 1)  // 0: a program of the host's listens instead
      write_sysctl(fmt::format("net/ipv6/conf/{}/accept_ra", link->name), "2");
  }
}

}  // namespace

std::string forwarding_setting(base::Family family) {
  return family == base::Family::v4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
}

bool ensure_forwarding(NetlinkSocket& socket, base::Family family) {
  const std::string name = forwarding_setting(family);
  const auto present = read_sysctl(name);
  if (!present || *present == "1") return present.has_value();
  if (family == base::Family::v6) keep_listening_to_routers(socket);
  write_sysctl(name, "1");
  return true;
}

}  // namespace netlink
