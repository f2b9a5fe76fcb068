// What a sender is told whose packet leads to no node: ICMP "network unreachable".
#pragma once

#include <cstdint>
#include <vector>

#include "flanneld/udp/ipv4_packet.h"

namespace flanneld {

/// The answer to `packet`; empty for a packet that must not be answered (RFC 1122: ICMP errors, later
/// fragments, what came from or goes to no single host). It comes from the address that was sent to: from an
/// address of this node, which upstream takes, the kernel accepts nothing.
std::vector<uint8_t> make_unreachable(const Ipv4Header& header, ConstBytes packet);

}  // namespace flanneld
