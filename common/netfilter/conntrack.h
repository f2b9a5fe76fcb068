// Connections that the kernel tracks. Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h.
#pragma once

#include <cstdint>

#include "common/base/ip.h"
#include "common/netlink/socket.h"

namespace netfilter {

/// Makes the kernel forget the UDP connections whose first packet went to this port of whatever address: what
/// they send next is looked at anew by the rules that translate addresses. Throws NetlinkError.
void forget_udp(netlink::NetlinkSocket& socket, base::Family family, uint16_t port);

}  // namespace netfilter
