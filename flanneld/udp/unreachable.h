// What a sender is told whose packet leads to no node: ICMP "network unreachable".
#pragma once

#include <cstdint>
#include <vector>

#include "flanneld/udp/ipv4_packet.h"

namespace flanneld {

/// The answer to `packet`, from `router`; empty for a packet that must not be answered (RFC 1122: ICMP
/// errors, later fragments, what came from or goes to no single host).
std::vector<uint8_t> make_unreachable(const Ipv4Header& header, ConstBytes packet, uint32_t router);

}  // namespace flanneld
