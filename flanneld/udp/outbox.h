// Packets of pods on their way to other nodes: cuts what the kernel hands over in large pieces into packets
// as they go over the wire, each a datagram, and gathers datagrams that one system call can send. No system
// call here.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "flanneld/udp/ipv4_packet.h"
#include "flanneld/udp/offload_header.h"

namespace flanneld {

class Outbox {
 public:
  /// Datagrams for one node that are as long as the first one; the last may be shorter.
  struct Run {
    uint32_t address = 0;  ///< of the node, as in Ipv4Header
    size_t datagram_bytes = 0;
    size_t datagrams = 0;
    size_t bytes = 0;
    std::span<const iovec> pieces;  ///< all datagrams one behind the other; at most two for each
  };

  Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Takes a packet as a TUN device with offloads hands it over: `offload` says what is left to be done. The
  /// bytes are changed, and must stay until clear(). False for one that cannot be understood, which is left
  /// out. `packet` is at most kMaxPacketBytes long.
  bool add(const OffloadHeader& offload, Bytes packet, uint32_t address);

  /// No more should be added before what is here is sent: add() would refuse it.
  [[nodiscard]] bool is_full() const { return headers_used_ > kEnough || pieces_.size() > kEnough; }
  [[nodiscard]] const std::vector<Run>& runs() const { return runs_; }
  void clear();

 private:
  static constexpr size_t kMaxHeaderBytes = 60 + 60;  // IPv4's and TCP's longest
  static constexpr size_t kEnough = 512;
  // A piece is at most 64 KiB, and no system sends TCP segments of less than 48 bytes by itself.
  static constexpr size_t kMostSegments = kMaxPacketBytes / 40;
  using HeaderSpace = std::array<uint8_t, kMaxHeaderBytes>;

  bool add_segments(const OffloadHeader& offload, const Ipv4Header& ip, Bytes packet, uint32_t address);
  void append(uint32_t address, ConstBytes head, ConstBytes payload);
  [[nodiscard]] bool fits(const Run& run, uint32_t address, size_t bytes) const;
  void add_piece(ConstBytes bytes);

  std::vector<HeaderSpace> headers_;
  size_t headers_used_ = 0;
  std::vector<iovec> pieces_;  ///< never grows: runs point into it
  std::vector<Run> runs_;
};

}  // namespace flanneld
