// The packets that ask a peer for an answer, and what comes back, as bytes. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"

namespace flanneld {

/// What a probe is made of. Every kernel answers the first, and the others where nobody has the port.
enum class ProbeMeans : uint8_t {
  echo,       ///< an ICMP echo request
  udp,        ///< a datagram whose checksum the kernel, or the interface, makes
  plain_udp,  ///< the same, whose checksum is made here or left out
  node_echo   ///< an echo request to the node's own address, beside the way of pods' packets
};

/// Where datagrams are sent to: traceroute's first port, which nobody has.
inline constexpr uint16_t kProbePort = 33434;

/// Bytes of the IP header that the kernel puts in front.
constexpr size_t ip_header_size(base::Family family) { return family == base::Family::v4 ? 20 : 40; }

/// An echo request with `cookie`, as an IP packet of `size` bytes but without the IP header.
std::vector<uint8_t> make_echo_request(base::Family family, uint16_t id, uint64_t cookie, size_t size);
/// A datagram's payload, likewise without IP and UDP header.
std::vector<uint8_t> make_datagram(base::Family family, uint64_t cookie, size_t size);
/// A UDP header and the payload; the checksum is left out (0).
std::vector<uint8_t> make_plain_datagram(base::Family family, uint16_t from_port, uint64_t cookie,
                                         size_t size);

/// What came back for one probe.
struct ProbeAnswer {
  uint64_t cookie = 0;
  base::IpAddress from;
  enum class Kind : uint8_t {
    reply,       ///< of the probe's destination
    port_error,  ///< nobody has the port there: as good as a reply
    too_big,     ///< a router on the way says so
    error        ///< any other error, by a router or by the destination
  };
  Kind kind = Kind::reply;
  std::string_view text = {};  ///< of an error: what it says
};

/// Understands what a raw ICMP socket received: of IPv4 the whole packet, of IPv6 what follows the header.
/// Anything may be in it. nullopt: it answers no probe with this `id` or from this UDP port.
std::optional<ProbeAnswer> parse_probe_answer(base::Family family, const base::IpAddress& from, uint16_t id,
                                              uint16_t udp_port, const uint8_t* data, size_t size);

}  // namespace flanneld
