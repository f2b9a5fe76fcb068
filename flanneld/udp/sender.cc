#include <arpa/inet.h>
#include <netinet/udp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "flanneld/udp/tunnel_lanes.h"
#include "flanneld/udp/unreachable.h"

namespace flanneld {
namespace {

constexpr size_t kSpaceBytes = 4 * kMaxPacketBytes;
constexpr size_t kAlign = 16;
constexpr std::chrono::seconds kAnswerTime{1};
constexpr int kAnswers = 100;  // in that time: nobody is flooded with them

struct SegmentControl {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(uint16_t))> bytes{};

  void fill(msghdr& message, size_t datagram_bytes) {
    message.msg_control = bytes.data();
    message.msg_controllen = bytes.size();
    cmsghdr* const control = CMSG_FIRSTHDR(&message);
    control->cmsg_level = IPPROTO_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    const auto size = static_cast<uint16_t>(datagram_bytes);
    std::memcpy(CMSG_DATA(control), &size, sizeof size);
  }
};

bool can_gather(int fd) {
  constexpr int kOff = 0;
  return ::setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &kOff, sizeof kOff) == 0;
}

}  // namespace

UdpTunnel::Sender::Sender(UdpTunnel& tunnel)
    : tunnel_(tunnel), space_(kSpaceBytes), gathers_(can_gather(tunnel.socket_.get())) {}

bool UdpTunnel::Sender::run() {
  for (;;) {
    const auto peers = tunnel_.peers();
    Read last = Read::packet;
    while (last == Read::packet && space_.size() - used_ >= kMaxPacketBytes && !outbox_.is_full())
      last = read(*peers);
    send();
    outbox_.clear();
    used_ = 0;
    if (last != Read::packet || tunnel_.stops_) return last != Read::gone;
  }
}

UdpTunnel::Sender::Read UdpTunnel::Sender::read(const PeerTable& peers) {
  OffloadHeader offload;
  const Bytes free = Bytes(space_).subspan(used_);
  std::array<iovec, 2> pieces{iovec{.iov_base = &offload, .iov_len = sizeof offload},
                              iovec{.iov_base = free.data(), .iov_len = free.size()}};
  const ssize_t n = ::readv(tunnel_.tun_.get(), pieces.data(), pieces.size());
  if (n < 0) return errno == EAGAIN || errno == EINTR ? Read::nothing : Read::gone;
  if (static_cast<size_t>(n) <= sizeof offload) return Read::packet;
  const size_t bytes = static_cast<size_t>(n) - sizeof offload;
  take(offload, free.first(bytes), peers);
  used_ = std::min(space_.size(), (used_ + bytes + kAlign - 1) / kAlign * kAlign);
  return Read::packet;
}

void UdpTunnel::Sender::take(const OffloadHeader& offload, Bytes packet, const PeerTable& peers) {
  constexpr uint8_t kIpv6 = 6;
  if (packet.front() >> 4 == kIpv6) return;  // the kernel's own, on each link: it looks for routers
  const auto header = Ipv4Header::parse(packet);
  const auto node = header ? peers.find_node(header->destination) : std::nullopt;
  if (header && !node) {
    ++tunnel_.counters_.no_node;
    return answer(*header, packet.first(header->total_bytes));
  }
  if (!header || !outbox_.add(offload, packet, *node)) ++tunnel_.counters_.malformed;
}

void UdpTunnel::Sender::answer(const Ipv4Header& header, ConstBytes packet) {
  const auto now = std::chrono::steady_clock::now();
  if (now - answers_since_ >= kAnswerTime) {
    answers_since_ = now;
    answers_ = 0;
  }
  if (answers_ >= kAnswers) return;
  auto bytes = make_unreachable(header, packet);
  if (bytes.empty()) return;
  ++answers_;
  OffloadHeader offload;
  const std::array<iovec, 2> pieces{iovec{.iov_base = &offload, .iov_len = sizeof offload},
                                    iovec{.iov_base = bytes.data(), .iov_len = bytes.size()}};
  if (::writev(tunnel_.tun_.get(), pieces.data(), pieces.size()) < 0) ++tunnel_.counters_.unsent;
}

void UdpTunnel::Sender::send() {
  constexpr size_t kAtOnce = 64;
  std::array<mmsghdr, kAtOnce> messages;
  std::array<sockaddr_in, kAtOnce> addresses;
  std::array<SegmentControl, kAtOnce> controls;
  const auto& runs = outbox_.runs();
  for (size_t next = 0; next < runs.size();) {
    size_t count = 0;
    for (; next + count < runs.size() && count < kAtOnce; ++count) {
      const Outbox::Run& run = runs[next + count];
      if (run.datagrams > 1 && !gathers_) break;
      addresses[count] = {.sin_family = AF_INET,
                          .sin_port = htons(tunnel_.spec_.port),
                          .sin_addr = {.s_addr = htonl(run.address)},
                          .sin_zero = {}};
      msghdr& message = messages[count].msg_hdr;
      message = {.msg_name = &addresses[count],
                 .msg_namelen = sizeof addresses[count],
                 .msg_iov = const_cast<iovec*>(run.pieces.data()),
                 .msg_iovlen = run.pieces.size(),
                 .msg_control = nullptr,
                 .msg_controllen = 0,
                 .msg_flags = 0};
      if (run.datagrams > 1) controls[count].fill(message, run.datagram_bytes);
    }
    const int sent =
        count == 0 ? 0 : ::sendmmsg(tunnel_.socket_.get(), messages.data(), static_cast<unsigned>(count), 0);
    const size_t done = sent > 0 ? static_cast<size_t>(sent) : 0;
    for (size_t i = 0; i < done; ++i)
      this->count(runs[next + i], runs[next + i].datagrams, runs[next + i].bytes);
    next += done;
    if (done == 0 && count != 0 && errno == EIO) gathers_ = false;  // the way out computes no checksums
    if (done == 0) send_apart(runs[next++]);
  }
}

/// Each datagram by itself: the kernel does not take the run as a whole, or one in it not at all.
void UdpTunnel::Sender::send_apart(const Outbox::Run& run) {
  const sockaddr_in address{.sin_family = AF_INET,
                            .sin_port = htons(tunnel_.spec_.port),
                            .sin_addr = {.s_addr = htonl(run.address)},
                            .sin_zero = {}};
  size_t first = 0, packets = 0, bytes = 0;
  for (size_t left = run.datagrams; left > 0; --left) {
    size_t end = first, length = 0;
    while (end < run.pieces.size() && length < run.datagram_bytes) length += run.pieces[end++].iov_len;
    const msghdr message{.msg_name = const_cast<sockaddr_in*>(&address),
                         .msg_namelen = sizeof address,
                         .msg_iov = const_cast<iovec*>(&run.pieces[first]),
                         .msg_iovlen = end - first,
                         .msg_control = nullptr,
                         .msg_controllen = 0,
                         .msg_flags = 0};
    if (::sendmsg(tunnel_.socket_.get(), &message, 0) >= 0) {
      ++packets;
      bytes += length;
    }
    first = end;
  }
  count(run, packets, bytes);
}

void UdpTunnel::Sender::count(const Outbox::Run& run, size_t packets, size_t bytes) {
  tunnel_.counters_.sent += packets;
  tunnel_.counters_.sent_bytes += bytes;
  tunnel_.counters_.unsent += run.datagrams - packets;
}

}  // namespace flanneld
