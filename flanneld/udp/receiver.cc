#include <arpa/inet.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cstring>

#include "flanneld/udp/tunnel_lanes.h"

namespace flanneld {

UdpTunnel::Receiver::Receiver(UdpTunnel& tunnel)
    : tunnel_(tunnel),
      space_(kBatch * kMaxPacketBytes),
      merger_(
          [this](const OffloadHeader& offload, std::span<const iovec> pieces) { write(offload, pieces); }) {
  for (size_t i = 0; i < kBatch; ++i)
    places_[i] = {.iov_base = &space_[i * kMaxPacketBytes], .iov_len = kMaxPacketBytes};
}

void UdpTunnel::Receiver::run() {
  while (run_once() && !tunnel_.stops_) {
  }
}

bool UdpTunnel::Receiver::run_once() {
  for (size_t i = 0; i < kBatch; ++i)
    messages_[i].msg_hdr = {.msg_name = &senders_[i],
                            .msg_namelen = sizeof senders_[i],
                            .msg_iov = &places_[i],
                            .msg_iovlen = 1,
                            .msg_control = controls_[i].bytes.data(),
                            .msg_controllen = kControlBytes,
                            .msg_flags = 0};
  const int count = ::recvmmsg(tunnel_.socket_.get(), messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (count <= 0) return false;
  const auto peers = tunnel_.peers();
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) take(i, messages_[i].msg_len, *peers);
  merger_.flush();
  return count == kBatch;
}

/// What the kernel has gathered are datagrams of one size, the last of which may be shorter.
size_t UdpTunnel::Receiver::datagram_bytes(size_t place) const {
  auto& message = const_cast<msghdr&>(messages_[place].msg_hdr);
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
    int bytes = 0;
    if (one->cmsg_level != IPPROTO_UDP || one->cmsg_type != UDP_GRO) continue;
    std::memcpy(&bytes, CMSG_DATA(one), sizeof bytes);
    if (bytes > 0) return static_cast<size_t>(bytes);
  }
  return kMaxPacketBytes;
}

void UdpTunnel::Receiver::take(size_t place, size_t bytes, const PeerTable& peers) {
  const uint32_t sender = ntohl(senders_[place].sin_addr.s_addr);
  const size_t each = datagram_bytes(place);
  Bytes rest = Bytes(space_).subspan(place * kMaxPacketBytes, bytes);
  while (!rest.empty()) {
    const Bytes datagram = rest.first(std::min(each, rest.size()));
    rest = rest.subspan(datagram.size());
    take(sender, datagram, peers);
  }
}

void UdpTunnel::Receiver::take(uint32_t sender, Bytes datagram, const PeerTable& peers) {
  Counters& counters = tunnel_.counters_;
  const auto header = Ipv4Header::parse(datagram);
  if (!header) {
    ++counters.malformed;
    return;
  }
  switch (peers.judge(sender, header->source)) {
    case PeerTable::Verdict::stranger:
      ++counters.stranger;
      return;
    case PeerTable::Verdict::forged:
      ++counters.forged;
      return;
    case PeerTable::Verdict::pass:
      break;
  }
  ++counters.received;
  counters.received_bytes += header->total_bytes;
  merger_.add(*header, datagram.first(header->total_bytes));
}

void UdpTunnel::Receiver::write(const OffloadHeader& offload, std::span<const iovec> pieces) {
  OffloadHeader copy = offload;
  output_.clear();
  output_.push_back({.iov_base = &copy, .iov_len = sizeof copy});
  output_.insert(output_.end(), pieces.begin(), pieces.end());
  if (::writev(tunnel_.tun_.get(), output_.data(), static_cast<int>(output_.size())) < 0)
    ++tunnel_.counters_.unsent;
}

}  // namespace flanneld
