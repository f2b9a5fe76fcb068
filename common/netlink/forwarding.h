// Forwarding of packets between the links of a host.
#pragma once

#include <string>

#include "common/base/ip.h"
#include "common/netlink/socket.h"

namespace netlink {

/// The setting that switches it on for all links: "net/ipv4/ip_forward" or "net/ipv6/conf/all/forwarding".
std::string forwarding_setting(base::Family family);

/// Switches forwarding on unless it is; false when there is no such setting. A host that forwards IPv6 does
/// not listen to routers, and the kernel drops what it learned from them when forwarding comes on. Links by
/// which this host learned routes or addresses get accept_ra=2 first, so that it keeps them. Throws
/// SystemError; then forwarding is as before.
bool ensure_forwarding(NetlinkSocket& socket, base::Family family);

}  // namespace netlink
