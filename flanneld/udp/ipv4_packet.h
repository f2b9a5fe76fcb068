// IPv4 packets as bytes: what of their headers a tunnel looks at, and checksums. No system call; packets are
// hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace flanneld {

using Bytes = std::span<uint8_t>;
using ConstBytes = std::span<const uint8_t>;

inline constexpr size_t kMaxPacketBytes = 65535;
inline constexpr size_t kLeastIpBytes = 20, kLeastTcpBytes = 20;  // of the headers
inline constexpr uint8_t kIcmp = 1, kTcp = 6;                     // IPPROTO_*
// TCP's header: where the flags and the checksum are, and the flags.
inline constexpr size_t kTcpFlags = 13, kTcpChecksum = 16;
inline constexpr uint8_t kFin = 1, kPush = 8, kAck = 0x10, kCwr = 0x80;

// Numbers in network byte order.
inline uint16_t read_16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
inline uint32_t read_32(const uint8_t* at) { return uint32_t{read_16(at)} << 16 | read_16(at + 2); }
void write_16(uint8_t* at, uint16_t value);
void write_32(uint8_t* at, uint32_t value);

/// What a header says. Addresses are numbers: 192.0.2.1 is 0xc0000201.
struct Ipv4Header {
  size_t header_bytes = 0;
  size_t total_bytes = 0;
  uint8_t protocol = 0;
  uint16_t fragment_offset = 0;  ///< in units of 8 bytes
  bool more_fragments = false;
  bool dont_fragment = false;
  uint32_t source = 0, destination = 0;

  [[nodiscard]] bool is_fragment() const { return more_fragments || fragment_offset != 0; }
  /// Reads the header at the start of `bytes`, which may be longer than the packet; nullopt unless the whole
  /// packet is there. The checksum is not looked at.
  static std::optional<Ipv4Header> parse(ConstBytes bytes);
};

/// Adds 16-bit words to a sum in the computer's own byte order, in which such a sum may be taken as well.
uint64_t add_words(ConstBytes bytes, uint64_t sum = 0);
/// The sum in 16 bits, with end-around carry.
uint16_t fold(uint64_t sum);
/// What TCP and UDP add to the sum of their own bytes.
uint64_t pseudo_header_sum(const Ipv4Header& header, size_t transport_bytes);

// Store what folded sums are: in the computer's own byte order.
void store_checksum(uint8_t* at, uint16_t folded);

/// Computes the header's checksum anew.
void set_header_checksum(Bytes header);
[[nodiscard]] bool has_right_header_checksum(ConstBytes header);

}  // namespace flanneld
