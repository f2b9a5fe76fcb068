#include "flanneld/udp/merger.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace flanneld {
namespace {

constexpr size_t kMostSegments = 64;

iovec piece(Bytes bytes) { return {.iov_base = bytes.data(), .iov_len = bytes.size()}; }

}  // namespace

/// A segment that may be merged: no options of IP, no fragment, and no TCP flag but ACK and PSH.
struct Merger::Segment {
  Ipv4Header ip;
  Bytes head;     ///< IPv4's and TCP's headers
  Bytes payload;  ///< not empty

  [[nodiscard]] const uint8_t* tcp() const { return &head[kLeastIpBytes]; }
  [[nodiscard]] uint32_t number() const { return read_32(tcp() + 4); }
  [[nodiscard]] bool is_pushed() const { return (tcp()[kTcpFlags] & kPush) != 0; }

  static std::optional<Segment> parse(const Ipv4Header& ip, Bytes packet) {
    // Without DF a router may have cut it, and the identification would matter.
    if (ip.protocol != kTcp || ip.header_bytes != kLeastIpBytes || ip.is_fragment() || !ip.dont_fragment ||
        packet.size() < kLeastIpBytes + kLeastTcpBytes)
      return std::nullopt;
    const uint8_t* const tcp = &packet[kLeastIpBytes];
    const size_t head = kLeastIpBytes + size_t{4} * (tcp[12] >> 4);
    if (head < kLeastIpBytes + kLeastTcpBytes || head >= packet.size() || (tcp[kTcpFlags] & ~kPush) != kAck)
      return std::nullopt;
    Segment segment{.ip = ip, .head = packet.first(head), .payload = packet.subspan(head)};
    const ConstBytes transport = packet.subspan(kLeastIpBytes);
    const bool is_right = has_right_header_checksum(packet.first(kLeastIpBytes)) &&
                          fold(add_words(transport, pseudo_header_sum(ip, transport.size()))) == 0xffff;
    return is_right ? std::optional(segment) : std::nullopt;
  }
};

Merger::Merger(Write write) : write_(std::move(write)) { pieces_.reserve(kMostSegments + 1); }

/// Same stream, same headers but for what must differ, and the next byte of the stream.
bool Merger::continues(const Segment& segment) const {
  if (!is_open_ || segment.head.size() != head_.size() || segment.payload.size() > segment_bytes_ ||
      segment.number() != next_number_ || segments_ == kMostSegments ||
      total_bytes_ + segment.payload.size() > kMaxPacketBytes)
    return false;
  const auto is_same = [&](size_t first, size_t end) {
    return std::memcmp(&segment.head[first], &head_[first], end - first) == 0;
  };
  constexpr size_t kAt = kLeastIpBytes;    // TCP's header
  return segment.head[1] == head_[1] &&    // TOS, with ECN
         is_same(6, 10) &&                 // DF, TTL, protocol
         is_same(12, kAt + 4) &&           // addresses, ports
         is_same(kAt + 8, kAt + 13) &&     // acknowledged, length
         is_same(kAt + 14, kAt + 16) &&    // window
         is_same(kAt + 18, head_.size());  // urgent pointer, options with the time stamp
}

void Merger::begin(const Segment& segment) {
  head_ = segment.head;
  ip_ = segment.ip;
  segment_bytes_ = segment.payload.size();
  segments_ = 1;
  total_bytes_ = head_.size() + segment_bytes_;
  next_number_ = segment.number() + static_cast<uint32_t>(segment_bytes_);
  is_open_ = !segment.is_pushed();
  pieces_.push_back(piece({head_.data(), total_bytes_}));
}

void Merger::add(const Ipv4Header& header, Bytes packet) {
  const auto segment = Segment::parse(header, packet);
  if (segment && continues(*segment)) {
    pieces_.push_back(piece(segment->payload));
    ++segments_;
    total_bytes_ += segment->payload.size();
    next_number_ += static_cast<uint32_t>(segment->payload.size());
    if (segment->is_pushed()) head_[kLeastIpBytes + kTcpFlags] |= kPush;
    is_open_ = !segment->is_pushed() && segment->payload.size() == segment_bytes_;
    return;
  }
  flush();
  if (segment) return begin(*segment);
  const iovec whole = piece(packet);
  write_({}, {&whole, 1});
}

/// The kernel cuts the packet again where it has to, and trusts the checksums, which have been seen right.
void Merger::finish_headers(OffloadHeader& offload) {
  write_16(&head_[2], static_cast<uint16_t>(total_bytes_));
  set_header_checksum(head_.first(kLeastIpBytes));
  store_checksum(&head_[kLeastIpBytes + kTcpChecksum],
                 fold(pseudo_header_sum(ip_, total_bytes_ - kLeastIpBytes)));
  offload.flags = OffloadHeader::kNeedsChecksum;
  offload.kind = OffloadHeader::kTcp4Segments;
  offload.segment_bytes = static_cast<uint16_t>(segment_bytes_);
  offload.header_bytes = static_cast<uint16_t>(head_.size());
  offload.checksum_start = kLeastIpBytes;
  offload.checksum_offset = kTcpChecksum;
}

void Merger::flush() {
  if (segments_ == 0) return;
  OffloadHeader offload;
  if (segments_ > 1) finish_headers(offload);
  write_(offload, pieces_);
  pieces_.clear();
  segments_ = 0;
  is_open_ = false;
}

}  // namespace flanneld
