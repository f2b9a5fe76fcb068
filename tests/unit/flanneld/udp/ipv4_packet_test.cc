#include "flanneld/udp/ipv4_packet.h"

#include <doctest/doctest.h>

#include <array>

#include "tests/unit/flanneld/udp/packets.h"

using flanneld::Ipv4Header;

TEST_CASE("udp: a packet is taken as far as its header says, and only if all of it is there") {
  auto packet = packets::tcp({.payload = 10});
  const size_t bytes = packet.size();
  packet.resize(bytes + 5);  // padding
  const auto header = Ipv4Header::parse(packet);
  REQUIRE(header);
  CHECK(header->header_bytes == 20);
  CHECK(header->total_bytes == bytes);
  CHECK(header->source == 0x0a050102);
  CHECK(header->destination == 0x0a050203);
  CHECK(header->dont_fragment);
  CHECK_FALSE(header->is_fragment());
  packet.resize(bytes - 1);
  CHECK_FALSE(Ipv4Header::parse(packet));
  packet[0] = 0x65;  // IPv6
  CHECK_FALSE(Ipv4Header::parse(packet));
  packet[0] = 0x44;  // a header of 16 bytes
  CHECK_FALSE(Ipv4Header::parse(packet));
  CHECK_FALSE(Ipv4Header::parse({}));
}

TEST_CASE("udp: checksums are those of RFC 1071, for any length and place") {
  // The example of the RFC.
  const std::array<uint8_t, 8> example{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  std::array<uint8_t, 2> stored{};
  flanneld::store_checksum(stored.data(), flanneld::fold(flanneld::add_words(example)));
  CHECK(flanneld::read_16(stored.data()) == 0xddf2);

  std::vector<uint8_t> bytes(200);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 97 + 0xf0);
  for (size_t first = 0; first < 3; ++first)
    for (size_t length = 0; first + length <= bytes.size(); ++length) {
      uint32_t sum = 0;
      for (size_t i = 0; i < length; ++i) sum += i % 2 == 0 ? bytes[first + i] << 8 : bytes[first + i];
      while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
      flanneld::store_checksum(stored.data(),
                               flanneld::fold(flanneld::add_words({bytes.data() + first, length})));
      CAPTURE(first);
      CAPTURE(length);
      REQUIRE(flanneld::read_16(stored.data()) == sum);
    }
}
