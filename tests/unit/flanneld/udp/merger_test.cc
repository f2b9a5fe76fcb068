#include "flanneld/udp/merger.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "flanneld/udp/outbox.h"
#include "tests/unit/flanneld/udp/packets.h"

using flanneld::Merger;
using flanneld::OffloadHeader;
using packets::Packet;
using packets::tcp;

namespace {

struct Written {
  OffloadHeader offload;
  Packet bytes;
};

std::vector<Written> merge(std::vector<Packet> packets) {
  std::vector<Written> written;
  Merger merger([&](const OffloadHeader& offload, std::span<const iovec> pieces) {
    written.push_back({offload, packets::joined(pieces)});
  });
  for (Packet& packet : packets) merger.add(*flanneld::Ipv4Header::parse(packet), packet);
  merger.flush();
  return written;
}

/// True if the packets are written as they are.
bool are_apart(const std::vector<Packet>& packets) {
  const auto written = merge(packets);
  return std::ranges::equal(written, packets, [](const Written& one, const Packet& packet) {
    return one.bytes == packet && one.offload.flags == 0 && one.offload.kind == OffloadHeader::kWhole;
  });
}

const Packet kFirst = tcp({});
packets::TcpSpec second() { return {.number = 1100, .first_byte = 100, .id = 8}; }

}  // namespace

TEST_CASE("udp: segments that follow each other become one packet, whose checksum the kernel completes") {
  const auto written =
      merge({kFirst, tcp(second()), tcp({.number = 1200, .flags = 0x18, .payload = 50, .first_byte = 200})});
  REQUIRE(written.size() == 1);
  const OffloadHeader& offload = written[0].offload;
  CHECK(offload.flags == OffloadHeader::kNeedsChecksum);
  CHECK(offload.kind == OffloadHeader::kTcp4Segments);
  CHECK(offload.header_bytes == 52);
  CHECK(offload.segment_bytes == 100);
  CHECK(offload.checksum_start == 20);
  CHECK(offload.checksum_offset == 16);
  CHECK(written[0].bytes == packets::with_partial_checksum(tcp({.flags = 0x18, .payload = 250})));
}

TEST_CASE("udp: what the outbox cuts, the merger puts together again") {
  const Packet large = packets::with_partial_checksum(tcp({.flags = 0x18, .payload = 20'000}));
  const OffloadHeader how{.flags = OffloadHeader::kNeedsChecksum,
                          .kind = OffloadHeader::kTcp4Segments,
                          .header_bytes = 52,
                          .segment_bytes = 1400,
                          .checksum_start = 20,
                          .checksum_offset = 16};
  Packet copy = large;
  flanneld::Outbox outbox;
  REQUIRE(outbox.add(how, copy, 1));
  std::vector<Packet> segments;
  for (const auto& run : outbox.runs())
    for (size_t i = 0; i < run.pieces.size(); i += 2)
      segments.push_back(packets::joined(run.pieces.subspan(i, 2)));
  CHECK(segments.size() == 15);
  const auto written = merge(segments);
  REQUIRE(written.size() == 1);
  CHECK(written[0].bytes == large);
}

TEST_CASE("udp: what does not belong together stays apart, as it is") {
  CHECK(are_apart({kFirst}));
  const auto with = [](auto&& change) {
    packets::TcpSpec spec = second();
    change(spec);
    return tcp(spec);
  };
  CHECK(are_apart({kFirst, with([](auto& spec) { spec.number = 1099; })}));
  CHECK(are_apart({kFirst, with([](auto& spec) { spec.source = 1; })}));
  CHECK(are_apart({kFirst, with([](auto& spec) { spec.ttl = 62; })}));
  CHECK(are_apart({kFirst, with([](auto& spec) { spec.payload = 101; })}));
  CHECK(are_apart({kFirst, with([](auto& spec) { spec.payload = 0; })}));
  CHECK(are_apart({kFirst, with([](auto& spec) { spec.flags = 0x11; })}));  // FIN
  CHECK(are_apart({tcp({.flags = 0x18}), tcp(second())}));                  // what is pushed ends it
}

TEST_CASE("udp: a segment with a wrong checksum is merged with none, and gets no right one") {
  for (const size_t broken : {15, 30, 40, 60, 151}) {  // IPv4 header, TCP header, option, payload
    CAPTURE(broken);
    Packet bad = tcp(second());
    bad[broken] ^= 4;
    CHECK(are_apart({kFirst, bad, tcp({.number = 1200, .first_byte = 200})}));
  }
}

TEST_CASE("udp: a merged packet stays within what a packet can be") {
  std::vector<Packet> many;
  for (uint32_t i = 0; i < 100; ++i)
    many.push_back(tcp({.number = 1000 + i * 1400, .payload = 1400, .id = static_cast<uint16_t>(i)}));
  const auto written = merge(many);
  CHECK(written.size() == 3);
  size_t payload = 0;
  for (const Written& one : written) {
    CHECK(one.bytes.size() <= flanneld::kMaxPacketBytes);
    payload += one.bytes.size() - 52;
  }
  CHECK(payload == 140'000);
}
