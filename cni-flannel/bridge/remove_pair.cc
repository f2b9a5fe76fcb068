#include "cni-flannel/bridge/remove_pair.h"

#include <algorithm>

#include "cni-flannel/bridge/attachment_names.h"
#include "cni-flannel/bridge/host_veth.h"
#include "cni-ipam/holders.h"
#include "common/cni/error.h"
#include "common/netlink/address.h"
#include "common/netlink/netns.h"

namespace flannel {
namespace {

using netlink::Link;
using netlink::NetlinkSocket;

/// nullopt also for one that cannot be read: that must not keep an attachment alive.
std::optional<cni::Result> lenient_result(const cni::Request& request) {
  try {
    return request.prev_result();
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

/// A port of a bridge with that MAC and without a mark of ours. The gateway's link, which a result may list
/// too, is no port.
bool is_listed_port(const Link& link, const cni::Interface& listed) {
  return link.kind == "veth" && link.master != 0 && link.alias.empty() &&
         base::MacAddress::parse(listed.mac) == link.mac;
}

std::optional<Link> find_listed_port(NetlinkSocket& host, const std::optional<cni::Result>& result) {
  if (!result) return std::nullopt;
  for (const cni::Interface& listed : result->interfaces) {
    if (!listed.sandbox.empty()) continue;
    auto link = netlink::find_link(host, listed.name);
    if (link && is_listed_port(*link, listed)) return link;
  }
  return std::nullopt;
}

bool has_listed_mac(const Link& link, const cni::Result& result) {
  return std::any_of(result.interfaces.begin(), result.interfaces.end(), [&](const cni::Interface& listed) {
    return !listed.sandbox.empty() && listed.name == link.name &&
           base::MacAddress::parse(listed.mac) == link.mac;
  });
}

/// Whether a link in CNI_NETNS is the attachment's.
bool is_of_attachment(const cni::Request& request, const std::optional<cni::Result>& result,
                      NetlinkSocket& inside, const Link& link) {
  if (result && has_listed_mac(link, *result)) return true;
  const auto addresses = netlink::addresses_of(inside, link);
  return std::any_of(addresses.begin(), addresses.end(), [&](const netlink::Address& address) {
    return ipam::is_leased_to(request, address.net.address);
  });
}

/// Whether the alias of the link's end on the host says so. The attachment has no such end any more, and a
/// container that got its address got its MAC too.
bool is_of_another(NetlinkSocket& host, const Link& link) {
  const auto end = netlink::find_link(host, link.peer);
  return end && end->kind == "veth" && end->peer == link.ifindex && !container_of(end->alias).empty();
}

void remove_from_within(NetlinkSocket& host, const cni::Request& request,
                        const std::optional<cni::Result>& result) {
  if (request.netns.empty()) return;
  const auto netns = netlink::Netns::look_up(request.netns).netns;
  if (!netns) return;
  NetlinkSocket inside = NetlinkSocket::open_in(*netns);
  const auto link = netlink::find_link(inside, request.attachment.ifname);
  if (link && !is_of_another(host, *link) && is_of_attachment(request, result, inside, *link))
    netlink::remove_link(inside, link->name);
}

}  // namespace

void remove_pair(const cni::Request& request) {
  NetlinkSocket host = NetlinkSocket::open();
  auto port = find_host_veth(host, request.network, request.attachment);
  if (port) {
    netlink::remove_link(host, port->name);
    return;
  }
  const auto result = lenient_result(request);
  port = find_listed_port(host, result);
  if (port)
    netlink::remove_link(host, port->name);
  else
    remove_from_within(host, request, result);
}

}  // namespace flannel
