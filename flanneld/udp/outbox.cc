#include "flanneld/udp/outbox.h"

#include <algorithm>
#include <cstring>

namespace flanneld {
namespace {

constexpr size_t kMostDatagrams = 64;      // UDP_MAX_SEGMENTS of the older kernels
constexpr size_t kMostBytes = 65535 - 28;  // one IPv4 packet before the kernel cuts it

/// Does what the kernel left to the device. False when the header points beyond the packet.
bool complete_checksum(const OffloadHeader& offload, Bytes packet) {
  const size_t start = offload.checksum_start, place = start + offload.checksum_offset;
  if (place + 2 > packet.size()) return false;
  // The field holds the sum of the pseudo-header.
  auto checksum = static_cast<uint16_t>(~fold(add_words(packet.subspan(start))));
  if (checksum == 0) checksum = 0xffff;  // the same number; in UDP 0 would say that there is none
  store_checksum(&packet[place], checksum);
  return true;
}

/// TCP's header of one segment, with the payload behind it.
void finish_segment(const Ipv4Header& ip, Bytes head, ConstBytes payload) {
  write_16(&head[2], static_cast<uint16_t>(head.size() + payload.size()));
  set_header_checksum(head.first(ip.header_bytes));
  const Bytes tcp = head.subspan(ip.header_bytes);
  store_checksum(&tcp[kTcpChecksum], 0);
  const uint64_t sum = add_words(payload, add_words(tcp, pseudo_header_sum(ip, tcp.size() + payload.size())));
  store_checksum(&tcp[kTcpChecksum], static_cast<uint16_t>(~fold(sum)));
}

}  // namespace

Outbox::Outbox() : headers_(kEnough + kMostSegments + 1) {
  pieces_.reserve(2 * headers_.size());
  runs_.reserve(kEnough);
}

void Outbox::clear() {
  headers_used_ = 0;
  pieces_.clear();
  runs_.clear();
}

bool Outbox::add(const OffloadHeader& offload, Bytes packet, uint32_t address) {
  const auto header = Ipv4Header::parse(packet);
  if (!header || is_full()) return false;
  packet = packet.first(header->total_bytes);
  if ((offload.kind & ~OffloadHeader::kEcn) == OffloadHeader::kTcp4Segments)
    return add_segments(offload, *header, packet, address);
  if (offload.kind != OffloadHeader::kWhole) return false;
  if ((offload.flags & OffloadHeader::kNeedsChecksum) != 0 && !complete_checksum(offload, packet))
    return false;
  append(address, packet, {});
  return true;
}

bool Outbox::add_segments(const OffloadHeader& offload, const Ipv4Header& ip, Bytes packet,
                          uint32_t address) {
  const Bytes tcp = packet.subspan(ip.header_bytes);
  if (ip.protocol != kTcp || ip.is_fragment() || tcp.size() < kLeastTcpBytes) return false;
  const size_t tcp_bytes = size_t{4} * (tcp[12] >> 4);
  if (tcp_bytes < kLeastTcpBytes || tcp_bytes > tcp.size()) return false;
  const ConstBytes head = packet.first(ip.header_bytes + tcp_bytes);
  const ConstBytes payload = packet.subspan(head.size());
  const size_t segment_bytes = offload.segment_bytes;
  if (segment_bytes == 0 || payload.size() > segment_bytes * kMostSegments) return false;
  const uint16_t first_id = read_16(&packet[4]);
  const uint32_t first_number = read_32(&tcp[4]);
  const uint8_t flags = tcp[kTcpFlags];
  size_t done = 0, count = 0;
  do {
    const ConstBytes part = payload.subspan(done, std::min(segment_bytes, payload.size() - done));
    const bool is_last = done + part.size() == payload.size();
    const Bytes copy = Bytes(headers_[headers_used_++]).first(head.size());
    std::memcpy(copy.data(), head.data(), head.size());
    write_16(&copy[4], static_cast<uint16_t>(first_id + count));
    uint8_t* const its_tcp = &copy[ip.header_bytes];
    write_32(its_tcp + 4, first_number + static_cast<uint32_t>(done));
    its_tcp[kTcpFlags] =
        static_cast<uint8_t>(flags & ~(is_last ? 0 : kFin | kPush) & ~(count == 0 ? 0 : kCwr));
    finish_segment(ip, copy, part);
    append(address, copy, part);
    done += part.size();
    ++count;
  } while (done < payload.size());
  return true;
}

bool Outbox::fits(const Run& run, uint32_t address, size_t bytes) const {
  const bool is_open = run.bytes == run.datagrams * run.datagram_bytes;  // no shorter one ends it
  return run.address == address && is_open && bytes <= run.datagram_bytes && run.datagrams < kMostDatagrams &&
         run.bytes + bytes <= kMostBytes;
}

void Outbox::append(uint32_t address, ConstBytes head, ConstBytes payload) {
  const size_t bytes = head.size() + payload.size();
  if (runs_.empty() || !fits(runs_.back(), address, bytes))
    runs_.push_back({.address = address,
                     .datagram_bytes = bytes,
                     .pieces = {pieces_.data() + pieces_.size(), size_t{0}}});
  Run& run = runs_.back();
  const size_t before = pieces_.size();
  add_piece(head);
  if (!payload.empty()) add_piece(payload);
  run.pieces = {run.pieces.data(), run.pieces.size() + pieces_.size() - before};
  ++run.datagrams;
  run.bytes += bytes;
}

void Outbox::add_piece(ConstBytes bytes) {
  pieces_.push_back({.iov_base = const_cast<uint8_t*>(bytes.data()), .iov_len = bytes.size()});
}

}  // namespace flanneld
