#include "cni-flannel/pod/remove_pair.h"

#include <algorithm>

#include "cni-flannel/pod/attachment_names.h"
#include "cni-flannel/pod/host_veth.h"
#include "cni-flannel/pod/mixed_node.h"
#include "cni-ipam/holders.h"
#include "common/cni/error.h"
#include "common/netlink/address.h"
#include "common/netlink/netns.h"

namespace flannel {
namespace {

using netlink::Link;
using netlink::NetlinkSocket;

/// A link that leads into a container, with that MAC and without a mark of ours. The gateway's link, which a
/// result may list too, does not.
bool is_listed_port(const Link& link, const cni::Interface& listed) {
  return link.kind == "veth" && (link.master != 0 || link.peer_netns) && link.alias.empty() &&
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

/// The other end of a pair whose one end is in CNI_NETNS, if it is on the host.
std::optional<Link> find_host_end(NetlinkSocket& host, const Link& link) {
  auto end = netlink::find_link(host, link.peer);
  if (!end || end->kind != "veth" || end->peer != link.ifindex) return std::nullopt;
  return end;
}

/// Whether an ADD of the reference that was killed left the pair, before it could lease or set an address.
bool is_unfinished(const cni::Request& request, NetlinkSocket& host, const Link& host_end) {
  if (!host_end.alias.empty()) return false;
  if (host_end.master == 0) return true;
  const auto bridge = netlink::find_link(host, bridge_name(request.config));
  return bridge && bridge->ifindex == host_end.master;
}

/// Whether a link in CNI_NETNS is the attachment's. The alias of its end on the host may say that it is
/// another one's: a container that got its address got its MAC too.
bool is_of_attachment(const cni::Request& request, const std::optional<cni::Result>& result,
                      NetlinkSocket& host, NetlinkSocket& inside, const Link& link) {
  constexpr uint8_t kLinkScope = 253;  // RT_SCOPE_LINK: the kernel gives such an address by itself
  const auto host_end = find_host_end(host, link);
  if (host_end && !container_of(host_end->alias).empty()) return false;
  if (result && has_listed_mac(link, *result)) return true;
  auto addresses = netlink::addresses_of(inside, link);
  std::erase_if(addresses, [](const netlink::Address& address) { return address.scope == kLinkScope; });
  if (addresses.empty()) return host_end && is_unfinished(request, host, *host_end);
  return std::any_of(addresses.begin(), addresses.end(), [&](const netlink::Address& address) {
    return ipam::is_leased_to(request, address.net.address);
  });
}

std::optional<std::string> remove_from_within(NetlinkSocket& host, const cni::Request& request,
                                              const std::optional<cni::Result>& result) {
  if (request.netns.empty()) return std::nullopt;
  const auto netns = netlink::Netns::look_up(request.netns).netns;
  if (!netns) return std::nullopt;
  NetlinkSocket inside = NetlinkSocket::open_in(*netns);
  const auto link = netlink::find_link(inside, request.attachment.ifname);
  if (!link || !is_of_attachment(request, result, host, inside, *link)) return std::nullopt;
  const auto host_end = find_host_end(host, *link);
  netlink::remove_link(inside, link->name);
  return host_end ? std::optional(host_end->name) : std::nullopt;
}

}  // namespace

std::optional<cni::Result> lenient_result(const cni::Request& request) {
  try {
    return request.prev_result();
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<std::string> remove_pair(const cni::Request& request) {
  NetlinkSocket host = NetlinkSocket::open();
  auto port = find_host_veth(host, request.network, request.attachment);
  const auto result = port ? std::nullopt : lenient_result(request);
  if (!port) port = find_listed_port(host, result);
  if (!port) return remove_from_within(host, request, result);
  netlink::remove_link(host, port->name);
  return port->name;
}

}  // namespace flannel
