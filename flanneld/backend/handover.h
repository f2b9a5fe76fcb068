// A node that changes its backend: its peers change one after the other, and until the last one has, each is
// reached by the backend that it has. Decides and does not act, as any backend.
#pragma once

#include <memory>

#include "flanneld/backend/backend.h"

namespace flanneld {

class Handover final : public Backend {
 public:
  /// `former` must be one that can_serve_beside() allows.
  Handover(std::shared_ptr<const Backend> now, std::shared_ptr<const Backend> former);

  /// The node publishes the new backend: who has it too sends by that from now on.
  [[nodiscard]] LeaseAttributes attributes() const override { return now_->attributes(); }
  /// What fits through both.
  [[nodiscard]] uint32_t mtu() const override;
  [[nodiscard]] NodePlan node_plan(const LeaseKey* own) const override;
  [[nodiscard]] bool serves(const Lease& peer) const override;
  [[nodiscard]] PeerPlan peer_plan(const Lease& peer) const override;
  [[nodiscard]] std::vector<TunnelPort> tunnel_ports() const override;
  [[nodiscard]] std::optional<PacketTunnel> packet_tunnel() const override;
  [[nodiscard]] std::optional<PlannedCommand> command_after_lease(const LeaseKey& own) const override {
    return now_->command_after_lease(own);
  }
  [[nodiscard]] PeerCommands peer_commands() const override { return now_->peer_commands(); }
  [[nodiscard]] std::vector<std::string> hints() const override { return now_->hints(); }

  /// Only the former backend reaches this peer.
  [[nodiscard]] bool needs_former(const Lease& peer) const;

 private:
  std::shared_ptr<const Backend> now_, former_;
};

/// False if both are the same to peers, or want the same device.
bool can_serve_beside(const Backend& former, const Backend& now);

}  // namespace flanneld
