#include "flanneld/probe/packet.h"

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace flanneld {
namespace {

using base::Family;
using Bytes = std::span<const uint8_t>;

constexpr size_t kIcmpHeader = 8, kUdpHeader = 8, kCookie = 8;

void put_16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

uint16_t get_16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }

/// RFC 1071, of an even number of bytes or with a zero behind them.
uint16_t checksum(Bytes bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) sum += uint32_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
  while (sum > UINT16_MAX) sum = (sum & UINT16_MAX) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

/// What follows the header of an IPv4 packet; empty if it is none.
Bytes ipv4_payload(Bytes packet) {
  if (packet.size() < 20 || packet[0] >> 4 != 4) return {};
  const size_t header = size_t{packet[0] & 0xfU} * 4;
  return header < 20 || packet.size() < header ? Bytes{} : packet.subspan(header);
}

std::optional<uint64_t> read_cookie(Bytes bytes) {
  if (bytes.size() < kCookie) return std::nullopt;
  uint64_t cookie = 0;
  std::memcpy(&cookie, bytes.data(), sizeof cookie);
  return cookie;
}

/// The cookie of the probe that an error quotes, whose sender may have written anything.
std::optional<uint64_t> read_quoted(Family family, uint16_t id, uint16_t udp_port, Bytes quoted) {
  const bool is_v4 = family == Family::v4;
  if (quoted.size() < ip_header_size(family)) return std::nullopt;
  const uint8_t protocol = is_v4 ? quoted[9] : quoted[6];
  const Bytes payload = is_v4 ? ipv4_payload(quoted) : quoted.subspan(ip_header_size(family));
  if (payload.size() < kIcmpHeader) return std::nullopt;
  const bool is_echo =
      protocol == (is_v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}) && get_16(payload.data() + 4) == id;
  const bool is_datagram = protocol == IPPROTO_UDP && get_16(payload.data()) == udp_port &&
                           get_16(payload.data() + 2) == kProbePort;
  if (!is_echo && !is_datagram) return std::nullopt;
  return read_cookie(payload.subspan(kIcmpHeader));  // UDP's header has the same length
}

struct Meaning {
  ProbeAnswer::Kind kind;
  std::string_view text;
};

Meaning meaning_v4(uint8_t type, uint8_t code) {
  using Means = ProbeAnswer::Kind;
  if (type == ICMP_TIME_EXCEEDED) return {Means::error, "time to live exceeded"};
  switch (code) {
    case ICMP_PORT_UNREACH:
      return {Means::port_error, "port unreachable"};
    case ICMP_FRAG_NEEDED:
      return {Means::too_big, "fragmentation needed"};
    case ICMP_NET_UNREACH:
      return {Means::error, "network unreachable"};
    case ICMP_HOST_UNREACH:
      return {Means::error, "host unreachable"};
    case ICMP_HOST_ANO:
    case ICMP_NET_ANO:
    case ICMP_PKT_FILTERED:
      return {Means::error, "prohibited"};
    default:
      return {Means::error, "destination unreachable"};
  }
}

Meaning meaning_v6(uint8_t type, uint8_t code) {
  using Means = ProbeAnswer::Kind;
  if (type == ICMP6_TIME_EXCEEDED) return {Means::error, "hop limit exceeded"};
  if (type == ICMP6_PACKET_TOO_BIG) return {Means::too_big, "packet too big"};
  switch (code) {
    case ICMP6_DST_UNREACH_NOPORT:
      return {Means::port_error, "port unreachable"};
    case ICMP6_DST_UNREACH_NOROUTE:
      return {Means::error, "no route"};
    case ICMP6_DST_UNREACH_ADDR:
      return {Means::error, "address unreachable"};
    case ICMP6_DST_UNREACH_ADMIN:
      return {Means::error, "prohibited"};
    default:
      return {Means::error, "destination unreachable"};
  }
}

bool is_error(Family family, uint8_t type) {
  if (family == Family::v4) return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED;
  return type == ICMP6_DST_UNREACH || type == ICMP6_TIME_EXCEEDED || type == ICMP6_PACKET_TOO_BIG;
}

std::vector<uint8_t> make_payload(size_t header, uint64_t cookie, size_t size) {
  std::vector<uint8_t> bytes(std::max(size, header + kCookie));
  std::memcpy(bytes.data() + header, &cookie, sizeof cookie);
  return bytes;
}

}  // namespace

std::vector<uint8_t> make_echo_request(Family family, uint16_t id, uint64_t cookie, size_t size) {
  std::vector<uint8_t> bytes =
      make_payload(kIcmpHeader, cookie, size - std::min(size, ip_header_size(family)));
  bytes[0] = family == Family::v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
  put_16(bytes.data() + 4, id);
  if (family == Family::v4) put_16(bytes.data() + 2, checksum(bytes));  // of IPv6 the kernel makes it
  return bytes;
}

std::vector<uint8_t> make_datagram(Family family, uint64_t cookie, size_t size) {
  const size_t headers = ip_header_size(family) + kUdpHeader;
  return make_payload(0, cookie, size - std::min(size, headers));
}

std::vector<uint8_t> make_plain_datagram(Family family, uint16_t from_port, uint64_t cookie, size_t size) {
  std::vector<uint8_t> bytes =
      make_payload(kUdpHeader, cookie, size - std::min(size, ip_header_size(family)));
  put_16(bytes.data(), from_port);
  put_16(bytes.data() + 2, kProbePort);
  put_16(bytes.data() + 4, static_cast<uint16_t>(bytes.size()));
  return bytes;
}

std::optional<ProbeAnswer> parse_probe_answer(Family family, const base::IpAddress& from, uint16_t id,
                                              uint16_t udp_port, const uint8_t* data, size_t size) {
  const Bytes received(data, size);
  const Bytes icmp = family == Family::v4 ? ipv4_payload(received) : received;
  if (icmp.size() < kIcmpHeader) return std::nullopt;
  const uint8_t type = icmp[0], code = icmp[1];
  const Bytes rest = icmp.subspan(kIcmpHeader);
  if (type == (family == Family::v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY)) {
    const auto cookie = get_16(icmp.data() + 4) == id ? read_cookie(rest) : std::nullopt;
    return cookie ? std::optional(ProbeAnswer{.cookie = *cookie, .from = from}) : std::nullopt;
  }
  if (!is_error(family, type)) return std::nullopt;
  const auto cookie = read_quoted(family, id, udp_port, rest);
  if (!cookie) return std::nullopt;
  const Meaning meaning = family == Family::v4 ? meaning_v4(type, code) : meaning_v6(type, code);
  return ProbeAnswer{.cookie = *cookie, .from = from, .kind = meaning.kind, .text = meaning.text};
}

}  // namespace flanneld
