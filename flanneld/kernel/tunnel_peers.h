// Peers of WireGuard devices as a device is to have them. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "flanneld/backend/plan.h"
#include "flanneld/kernel/desired_state.h"

namespace flanneld {

/// A change of one peer of a WireGuard device.
struct TunnelPeerWrite {
  std::string link;
  netlink::WireguardPeerChange change;
  bool operator==(const TunnelPeerWrite&) const = default;
};

/// What every peer of a plan's WireGuard devices has, by the device's name.
using TunnelSettings = std::map<std::string, WireguardDevice>;
TunnelSettings tunnel_settings(const NodePlan& plan);

/// Whether to say where the peer is.
enum class Endpoint : uint8_t { set, leave };
TunnelPeerWrite kernel_peer(const PlannedTunnelPeer& peer, const TunnelSettings& settings, Endpoint endpoint);

/// Whether the device has the peer as planned, wherever it is. The order of its networks does not count.
bool has_settings(const netlink::WireguardPeer& actual, const PlannedTunnelPeer& desired,
                  const WireguardDevice& device);

/// Whether a peer with these networks is reached by another link now: a node that changes its backend sends a
/// while longer by the former one, whose device goes when all have changed.
bool has_moved(const std::string& link, const std::vector<base::IpNet>& allowed, const DesiredState& desired);

}  // namespace flanneld
