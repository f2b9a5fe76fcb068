#include "flanneld/agent/carrier.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"

namespace flanneld {
namespace {

constexpr std::chrono::milliseconds kCarryRetry{1000}, kCarrySoon{100};

UdpCounters sum(const UdpCounters& a, const UdpCounters& b) {
  return {.sent = a.sent + b.sent,
          .received = a.received + b.received,
          .sent_bytes = a.sent_bytes + b.sent_bytes,
          .received_bytes = a.received_bytes + b.received_bytes,
          .no_node = a.no_node + b.no_node,
          .stranger = a.stranger + b.stranger,
          .forged = a.forged + b.forged,
          .malformed = a.malformed + b.malformed,
          .unsent = a.unsent + b.unsent};
}

std::string describe(const base::SystemError& error) {
  const bool is_taken = error.error_number() == EADDRINUSE;
  return fmt::format("{}{}", error.what(),
                     is_taken ? "; another program has the port: see `ss -lunp`, or set another Port in the "
                                "backend of every node"
                              : "");
}

}  // namespace

Carrier::Carrier(EventLoop& loop, std::function<void()> changed)
    : loop_(loop), changed_(std::move(changed)), again_(loop, [this] {
        start();
        changed_();
      }) {}

Carrier::~Carrier() { stop(); }

void Carrier::use(const std::optional<PacketTunnel>& tunnel, std::vector<base::IpNet> sources) {
  std::optional<UdpTunnelSpec> wanted;
  if (tunnel) {
    wanted = UdpTunnelSpec{.device = tunnel->device, .local = tunnel->local, .port = tunnel->port};
    network_ = tunnel->network;
  }
  sources_ = std::move(sources);
  if (wanted == wanted_ && (tunnel_ || !wanted)) return;
  stop();
  wanted_ = std::move(wanted);
  start();
}

void Carrier::set_peers(const PeerPlans& peers) {
  if (!wanted_) return;
  peers_.clear();
  for (const auto& [key, peer] : peers)
    for (const PlannedRemote& remote : peer.plan->remotes) peers_.push_back({remote.subnet, remote.address});
  if (tunnel_) tunnel_->set_peers(PeerTable(peers_, network_, sources_));
}

void Carrier::start() {
  again_.cancel();
  problem_.reset();
  if (!wanted_) return;
  try {
    tunnel_ = std::make_unique<UdpTunnel>(*wanted_);
    tunnel_->set_peers(PeerTable(peers_, network_, sources_));
    loop_.watch(tunnel_->ended_fd(), EPOLLIN, [this](uint32_t) {
      base::log_warning(fmt::format("the device '{}' has gone; no packet of pods is carried until it is back",
                                    wanted_->device));
      stop();
      problem_ = fmt::format("the device '{}' has gone", wanted_->device);
      again_.start(kCarrySoon);  // by then it has been made again
      changed_();
    });
    base::log_info(fmt::format("carrying packets of pods between '{}' and {}:{}", wanted_->device,
                               wanted_->local, wanted_->port));
  } catch (const base::SystemError& error) {
    problem_ = describe(error);
    again_.start(kCarryRetry);
  }
}

void Carrier::stop() {
  if (!tunnel_) return;
  loop_.unwatch(tunnel_->ended_fd());
  const UdpCounters last = tunnel_->counters();
  tunnel_.reset();
  before_ = sum(before_, last);
}

std::optional<UdpCounters> Carrier::counters() const {
  if (!wanted_) return std::nullopt;
  return tunnel_ ? sum(before_, tunnel_->counters()) : before_;
}

}  // namespace flanneld
