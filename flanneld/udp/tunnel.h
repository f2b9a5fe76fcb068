// Carries packets between a TUN device and a UDP socket, in two threads of its own: one for each direction.
// Each datagram is one packet, without anything around it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/base/ip.h"
#include "common/base/unique_fd.h"
#include "flanneld/udp/outbox.h"
#include "flanneld/udp/peer_table.h"

namespace flanneld {

struct UdpTunnelSpec {
  std::string device;
  base::IpAddress local;  ///< IPv4; datagrams come to it and go from it
  uint16_t port = 0;      ///< of all nodes
  bool operator==(const UdpTunnelSpec&) const = default;
};

/// Since the start.
struct UdpCounters {
  uint64_t sent = 0, received = 0;              ///< packets
  uint64_t sent_bytes = 0, received_bytes = 0;  ///< of packets
  // Packets that were dropped, by reason.
  uint64_t no_node = 0;    ///< no node has the destination
  uint64_t stranger = 0;   ///< came from an address that is no node's
  uint64_t forged = 0;     ///< came from a node whose pod the source is not
  uint64_t malformed = 0;  ///< no packet that could be understood
  uint64_t unsent = 0;     ///< the kernel did not take the datagram, or not the packet
};

class UdpTunnel {
 public:
  /// Serves the device and listens. Throws SystemError.
  explicit UdpTunnel(const UdpTunnelSpec& spec);
  UdpTunnel(const UdpTunnel&) = delete;
  UdpTunnel& operator=(const UdpTunnel&) = delete;
  /// Stops within moments.
  ~UdpTunnel();

  /// From now on; until then there are no peers. Packets go on meanwhile.
  void set_peers(PeerTable peers);
  [[nodiscard]] UdpCounters counters() const;
  /// Readable when no more packets are carried, because the device is gone.
  [[nodiscard]] int ended_fd() const { return ended_.get(); }

 private:
  enum class Lane : uint8_t { out, in };
  struct Counters {
    std::atomic<uint64_t> sent, received, sent_bytes, received_bytes, no_node, stranger, forged, malformed,
        unsent;
  };
  class Receiver;
  class Sender;

  void run(Lane lane);
  void stop();
  [[nodiscard]] std::shared_ptr<const PeerTable> peers() const;
  /// Waits until there is something to read. False when the tunnel is to stop or its device is gone.
  [[nodiscard]] bool wait(int fd) const;

  UdpTunnelSpec spec_;
  base::UniqueFd tun_, socket_;
  base::UniqueFd stop_, ended_;  ///< eventfds
  std::atomic<bool> stops_ = false;
  mutable std::mutex mutex_;  ///< of peers_
  std::shared_ptr<const PeerTable> peers_ = std::make_shared<const PeerTable>();
  Counters counters_{};
  std::thread out_, in_;
};

}  // namespace flanneld
