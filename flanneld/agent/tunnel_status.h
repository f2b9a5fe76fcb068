// What WireGuard devices tell of the nodes that they send to. Pure.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "common/json/json.h"
#include "common/netlink/wireguard_state.h"
#include "flanneld/backend/plan.h"

namespace flanneld {

/// What the devices had when they were asked, by their names.
using TunnelStates = std::map<std::string, netlink::WireguardState>;

/// Finds what a device tells of a peer.
class TunnelLookup {
 public:
  /// `states` must outlive it.
  explicit TunnelLookup(const TunnelStates& states);
  /// nullptr: the device has no such peer.
  [[nodiscard]] const netlink::WireguardPeer* find(const PlannedTunnelPeer& planned) const;
  [[nodiscard]] bool empty() const { return peers_.empty(); }

 private:
  std::map<std::pair<std::string, netlink::WireguardKey>, const netlink::WireguardPeer*> peers_;
};

/// For each device by which the peer is reached: where it is now, the age of the last handshake (null: there
/// was none), and the bytes that came and went. Empty for a peer of another backend.
json::OrderedValue tunnels_json(const PeerPlan& plan, const TunnelLookup& lookup,
                                std::chrono::sys_seconds now);

/// The same of all peers as metrics, in the text format of Prometheus, labelled by subnet and device. Empty
/// without WireGuard.
std::string tunnel_metrics(const PeerPlans& plans, const TunnelLookup& lookup, std::chrono::sys_seconds now);

}  // namespace flanneld
