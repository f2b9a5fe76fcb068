#include "flanneld/udp/ipv4_packet.h"

#include <bit>
#include <cstring>

namespace flanneld {
namespace {

constexpr size_t kIpChecksum = 10;  // where in the header

template <class Word>
uint64_t load(const uint8_t* at) {
  Word word{};
  std::memcpy(&word, at, sizeof word);
  return word;
}

uint64_t add_with_carry(uint64_t sum, uint64_t word) {
  sum += word;
  return sum + (sum < word ? 1 : 0);
}

/// A 16-bit number of network byte order as load() would read it.
uint64_t as_loaded(uint16_t value) {
  if constexpr (std::endian::native == std::endian::big) return value;
  return static_cast<uint16_t>(value << 8 | value >> 8);
}

}  // namespace

void write_16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

void write_32(uint8_t* at, uint32_t value) {
  write_16(at, static_cast<uint16_t>(value >> 16));
  write_16(at + 2, static_cast<uint16_t>(value));
}

std::optional<Ipv4Header> Ipv4Header::parse(ConstBytes bytes) {
  if (bytes.size() < kLeastIpBytes || bytes[0] >> 4 != 4) return std::nullopt;
  Ipv4Header header;
  header.header_bytes = size_t{4} * (bytes[0] & 15);
  header.total_bytes = read_16(&bytes[2]);
  if (header.header_bytes < kLeastIpBytes || header.total_bytes < header.header_bytes ||
      header.total_bytes > bytes.size())
    return std::nullopt;
  const uint16_t fragment = read_16(&bytes[6]);
  header.dont_fragment = (fragment & 0x4000) != 0;
  header.more_fragments = (fragment & 0x2000) != 0;
  header.fragment_offset = fragment & 0x1fff;
  header.protocol = bytes[9];
  header.source = read_32(&bytes[12]);
  header.destination = read_32(&bytes[16]);
  return header;
}

uint64_t add_words(ConstBytes bytes, uint64_t sum) {
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  uint64_t other = 0;  // two sums do not wait for each other
  for (; left >= 32; at += 32, left -= 32) {
    sum = add_with_carry(sum, load<uint64_t>(at));
    other = add_with_carry(other, load<uint64_t>(at + 8));
    sum = add_with_carry(sum, load<uint64_t>(at + 16));
    other = add_with_carry(other, load<uint64_t>(at + 24));
  }
  sum = add_with_carry(sum, other);
  for (; left >= 4; at += 4, left -= 4) sum = add_with_carry(sum, load<uint32_t>(at));
  if (left >= 2) {
    sum = add_with_carry(sum, load<uint16_t>(at));
    at += 2;
    left -= 2;
  }
  if (left != 0) sum = add_with_carry(sum, as_loaded(static_cast<uint16_t>(*at << 8)));
  return sum;
}

uint16_t fold(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

uint64_t pseudo_header_sum(const Ipv4Header& header, size_t transport_bytes) {
  uint64_t sum = as_loaded(header.protocol) + as_loaded(static_cast<uint16_t>(transport_bytes));
  for (const uint32_t address : {header.source, header.destination})
    sum += as_loaded(static_cast<uint16_t>(address >> 16)) + as_loaded(static_cast<uint16_t>(address));
  return sum;
}

void store_checksum(uint8_t* at, uint16_t folded) { std::memcpy(at, &folded, sizeof folded); }

void set_header_checksum(Bytes header) {
  store_checksum(&header[kIpChecksum], 0);
  store_checksum(&header[kIpChecksum], static_cast<uint16_t>(~fold(add_words(header))));
}

bool has_right_header_checksum(ConstBytes header) { return fold(add_words(header)) == 0xffff; }

}  // namespace flanneld
