// Carries the packets of pods for a backend whose tunnel is not the kernel's: keeps a UdpTunnel at work.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/backend/backend.h"
#include "flanneld/backend/plan.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/udp/tunnel.h"

namespace flanneld {

class Carrier {
 public:
  /// `changed` is called when problem() says something else.
  Carrier(EventLoop& loop, std::function<void()> changed);
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;
  ~Carrier();

  /// What is carried from now on; nullopt: nothing. From `sources` any packet is taken. What fails is tried
  /// again, each second.
  void use(const std::optional<PacketTunnel>& tunnel, std::vector<base::IpNet> sources);
  /// Packets to and from all others are dropped.
  void set_peers(const PeerPlans& peers);

  /// Why no packets are carried although they should be; nullopt: they are, or need not be.
  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }
  /// nullopt: nothing is to be carried.
  [[nodiscard]] std::optional<UdpCounters> counters() const;

 private:
  void start();
  void stop();

  EventLoop& loop_;
  std::function<void()> changed_;
  std::optional<UdpTunnelSpec> wanted_;
  base::IpNet network_;
  std::vector<base::IpNet> sources_;
  std::vector<UdpPeer> peers_;
  std::unique_ptr<UdpTunnel> tunnel_;  ///< null: none is at work
  UdpCounters before_;                 ///< of tunnels before
  std::optional<std::string> problem_;
  Timer again_;
};

}  // namespace flanneld
