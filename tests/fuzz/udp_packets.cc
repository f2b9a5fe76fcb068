// What comes through a tunnel and goes into it: two bytes with a length, an offload header, a packet, and so
// on. All of it is taken as sent by pods and as received from a node.
#include <algorithm>
#include <cstring>
#include <vector>

#include "flanneld/udp/ipv4_packet.h"
#include "flanneld/udp/merger.h"
#include "flanneld/udp/outbox.h"
#include "flanneld/udp/unreachable.h"
#include "tests/fuzz/decoders.h"

namespace {

using flanneld::Bytes;
using flanneld::OffloadHeader;

size_t size_of(std::span<const iovec> pieces) {
  size_t bytes = 0;
  for (const iovec& piece : pieces) bytes += piece.iov_len;
  return bytes;
}

void send(flanneld::Outbox& outbox, const OffloadHeader& offload, Bytes packet) {
  if (outbox.is_full()) outbox.clear();
  outbox.add(offload, packet, packet.empty() ? 0 : packet.front());
  for (const auto& run : outbox.runs()) {
    fuzz::promise(size_of(run.pieces) == run.bytes, "a run has the bytes of its pieces");
    fuzz::promise((run.datagrams - 1) * run.datagram_bytes < run.bytes &&
                      run.bytes <= run.datagrams * run.datagram_bytes,
                  "a run is so many datagrams");
  }
}

void receive(flanneld::Merger& merger, Bytes packet) {
  const auto header = flanneld::Ipv4Header::parse(packet);
  if (!header) return;
  flanneld::make_unreachable(*header, packet.first(header->total_bytes));
  merger.add(*header, packet.first(header->total_bytes));
}

}  // namespace

void fuzz::udp_packets(std::string_view input) {
  std::vector<std::vector<uint8_t>> packets;
  std::vector<OffloadHeader> offloads;
  while (input.size() > 2 + sizeof(OffloadHeader)) {
    const size_t length = static_cast<uint8_t>(input[0]) * size_t{256} + static_cast<uint8_t>(input[1]);
    std::memcpy(&offloads.emplace_back(), input.data() + 2, sizeof(OffloadHeader));
    input.remove_prefix(2 + sizeof(OffloadHeader));
    const auto packet = input.substr(0, length);
    packets.emplace_back(packet.begin(), packet.end());
    input.remove_prefix(packet.size());
  }
  size_t taken = 0, written = 0;
  flanneld::Merger merger([&](const OffloadHeader& offload, std::span<const iovec> pieces) {
    const size_t bytes = size_of(pieces);
    promise(bytes <= flanneld::kMaxPacketBytes, "no packet is longer than a packet can be");
    promise(offload.kind == OffloadHeader::kWhole || offload.header_bytes + offload.segment_bytes < bytes,
            "what was merged has several segments");
    written += bytes;
  });
  auto received = packets;
  for (auto& packet : received) {
    receive(merger, packet);
    taken += packet.size();
  }
  merger.flush();
  promise(written <= taken, "nothing is written that was not received");
  flanneld::Outbox outbox;
  for (size_t i = 0; i < packets.size(); ++i) send(outbox, offloads[i], packets[i]);
}
