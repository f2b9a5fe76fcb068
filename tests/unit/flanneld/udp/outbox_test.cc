#include "flanneld/udp/outbox.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/flanneld/udp/packets.h"

using flanneld::OffloadHeader;
using flanneld::Outbox;
using packets::Packet;

namespace {

constexpr uint32_t kNode = 0xc0000202, kOther = 0xc0000203;

OffloadHeader partial() {
  return {.flags = OffloadHeader::kNeedsChecksum, .checksum_start = 20, .checksum_offset = 16};
}

OffloadHeader segments_of(uint16_t bytes) {
  OffloadHeader offload = partial();
  offload.kind = OffloadHeader::kTcp4Segments;
  offload.segment_bytes = bytes;
  return offload;
}

/// The datagrams of a run.
std::vector<Packet> datagrams(const Outbox::Run& run) {
  const Packet all = packets::joined(run.pieces);
  std::vector<Packet> parts;
  for (size_t first = 0; first < all.size(); first += run.datagram_bytes)
    parts.emplace_back(all.begin() + static_cast<long>(first),
                       all.begin() + static_cast<long>(std::min(all.size(), first + run.datagram_bytes)));
  CHECK(parts.size() == run.datagrams);
  CHECK(all.size() == run.bytes);
  return parts;
}

}  // namespace

TEST_CASE("udp: a packet goes out as it is, with the checksum that was left to the device") {
  Outbox outbox;
  const Packet whole = packets::tcp({});
  Packet first = whole, second = packets::with_partial_checksum(whole);
  REQUIRE(outbox.add({}, first, kNode));
  REQUIRE(outbox.add(partial(), second, kOther));
  REQUIRE(outbox.runs().size() == 2);
  CHECK(packets::joined(outbox.runs()[0].pieces) == whole);
  CHECK(outbox.runs()[0].address == kNode);
  CHECK(packets::joined(outbox.runs()[1].pieces) == whole);
  CHECK(outbox.runs()[1].address == kOther);
  outbox.clear();
  CHECK(outbox.runs().empty());
}

TEST_CASE("udp: what is to be cut becomes segments as TCP would have sent them, in one run") {
  Packet large =
      packets::with_partial_checksum(packets::tcp({.flags = 0x99, .payload = 250}));  // CWR ACK PSH FIN
  Outbox outbox;
  REQUIRE(outbox.add(segments_of(100), large, kNode));
  REQUIRE(outbox.runs().size() == 1);
  const auto parts = datagrams(outbox.runs()[0]);
  REQUIRE(parts.size() == 3);
  CHECK(parts[0] == packets::tcp({.flags = 0x90, .payload = 100}));
  CHECK(parts[1] ==
        packets::tcp({.number = 1100, .flags = 0x10, .payload = 100, .first_byte = 100, .id = 8}));
  CHECK(parts[2] == packets::tcp({.number = 1200, .flags = 0x19, .payload = 50, .first_byte = 200, .id = 9}));
}

TEST_CASE("udp: a run has datagrams of one size for one node, and a shorter one ends it") {
  Outbox outbox;
  std::vector<Packet> all;
  for (const size_t payload : {100, 100, 60, 60, 100}) all.push_back(packets::tcp({.payload = payload}));
  for (Packet& packet : all) REQUIRE(outbox.add({}, packet, kNode));
  std::vector<size_t> counts;
  for (const auto& run : outbox.runs()) counts.push_back(datagrams(run).size());
  CHECK(counts == std::vector<size_t>{3, 1, 1});

  outbox.clear();
  Packet packet = packets::tcp({});
  for (int i = 0; i < 65; ++i) REQUIRE(outbox.add({}, packet, kNode));
  REQUIRE(outbox.runs().size() == 2);
  CHECK(outbox.runs()[0].datagrams == 64);

  outbox.clear();
  Packet large = packets::with_partial_checksum(packets::tcp({.payload = 65000}));
  REQUIRE(outbox.add(segments_of(1400), large, kNode));
  size_t count = 0;
  for (const auto& run : outbox.runs()) {
    CHECK(run.bytes <= 65507);
    count += datagrams(run).size();
  }
  CHECK(count == 47);
}

TEST_CASE("udp: what cannot be understood is left out") {
  Outbox outbox;
  Packet packet = packets::tcp({});
  OffloadHeader beyond = partial();
  beyond.checksum_start = static_cast<uint16_t>(packet.size() - 1);
  CHECK_FALSE(outbox.add(beyond, packet, kNode));
  CHECK_FALSE(outbox.add(segments_of(0), packet, kNode));
  OffloadHeader unknown = segments_of(100);
  unknown.kind = 9;
  CHECK_FALSE(outbox.add(unknown, packet, kNode));
  Packet short_header = packets::tcp({});
  short_header[32] = 4 << 4;  // TCP's header of 16 bytes
  CHECK_FALSE(outbox.add(segments_of(100), short_header, kNode));
  short_header[32] = 15 << 4;
  Packet cut = packets::tcp({.payload = 0});
  cut[32] = 15 << 4;
  CHECK_FALSE(outbox.add(segments_of(100), cut, kNode));
  Packet other = packets::tcp({});
  other[9] = uint8_t{17};
  CHECK_FALSE(outbox.add(segments_of(100), other, kNode));
  CHECK(outbox.runs().empty());
}

TEST_CASE("udp: the smallest segments of the largest packet fit, and then it is full") {
  Outbox outbox;
  Packet large = packets::tcp({.payload = 65000});
  REQUIRE(outbox.add(segments_of(40), large, kNode));
  CHECK(outbox.is_full());
  CHECK_FALSE(outbox.add({}, large, kNode));
  CHECK_FALSE(Outbox().add(segments_of(39), large, kNode));
}
