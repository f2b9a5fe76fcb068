// The two directions of a UdpTunnel.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <vector>

#include "flanneld/udp/merger.h"
#include "flanneld/udp/tunnel.h"

namespace flanneld {

/// From pods to nodes.
class UdpTunnel::Sender {
 public:
  explicit Sender(UdpTunnel& tunnel);
  /// Takes what the device has now, and sends it. False when the device is gone.
  bool run();

 private:
  enum class Read : uint8_t { packet, nothing, gone };
  Read read(const PeerTable& peers);
  void take(const OffloadHeader& offload, Bytes packet, const PeerTable& peers);
  void answer(const Ipv4Header& header, ConstBytes packet);
  void send();
  void send_apart(const Outbox::Run& run);
  void count(const Outbox::Run& run, size_t packets, size_t bytes);

  UdpTunnel& tunnel_;
  std::vector<uint8_t> space_;
  size_t used_ = 0;
  Outbox outbox_;
  bool gathers_;  ///< the kernel cuts a run into datagrams
  std::chrono::steady_clock::time_point answers_since_{};
  int answers_ = 0;
};

/// From nodes to pods.
class UdpTunnel::Receiver {
 public:
  explicit Receiver(UdpTunnel& tunnel);
  /// Takes what has come, and writes it to the device.
  void run();

 private:
  static constexpr int kBatch = 8;
  static constexpr size_t kControlBytes = 64;

  /// True if there may be more.
  bool run_once();
  void take(size_t place, size_t bytes, const PeerTable& peers);
  void take(uint32_t sender, Bytes datagram, const PeerTable& peers);
  [[nodiscard]] size_t datagram_bytes(size_t place) const;
  void write(const OffloadHeader& offload, std::span<const iovec> pieces);

  UdpTunnel& tunnel_;
  std::vector<uint8_t> space_;
  std::array<mmsghdr, kBatch> messages_{};
  std::array<iovec, kBatch> places_{};
  std::array<sockaddr_in, kBatch> senders_{};
  struct Control {
    alignas(cmsghdr) std::array<char, kControlBytes> bytes;
  };
  std::array<Control, kBatch> controls_{};
  std::vector<iovec> output_;
  Merger merger_;
};

}  // namespace flanneld
