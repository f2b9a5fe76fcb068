#include "flanneld/kernel/tunnel_peers.h"

#include <algorithm>

namespace flanneld {

TunnelSettings tunnel_settings(const NodePlan& plan) {
  TunnelSettings settings;
  for (const Device& device : plan.devices)
    if (const auto* wireguard = std::get_if<WireguardDevice>(&device.kind))
      settings[device.name] = *wireguard;
  return settings;
}

TunnelPeerWrite kernel_peer(const PlannedTunnelPeer& peer, const TunnelSettings& settings,
                            Endpoint endpoint) {
  TunnelPeerWrite write{.link = peer.link,
                        .change = {.public_key = peer.public_key, .allowed = peer.allowed}};
  if (const auto found = settings.find(peer.link); found != settings.end()) {
    write.change.preshared_key = found->second.preshared_key;
    write.change.keepalive = found->second.keepalive;
  }
  write.change.greet = endpoint == Endpoint::set;
  if (endpoint == Endpoint::set) write.change.endpoint = peer.endpoint;
  return write;
}

bool has_settings(const netlink::WireguardPeer& actual, const PlannedTunnelPeer& desired,
                  const WireguardDevice& device) {
  return actual.preshared_key == device.preshared_key && actual.keepalive == device.keepalive &&
         actual.allowed.size() == desired.allowed.size() &&
         std::is_permutation(actual.allowed.begin(), actual.allowed.end(), desired.allowed.begin());
}

bool has_moved(const std::string& link, const std::vector<base::IpNet>& allowed,
               const DesiredState& desired) {
  return std::any_of(allowed.begin(), allowed.end(), [&](const base::IpNet& net) {
    const PlannedRoute* route = desired.routes().find({net});
    return route && route->link != link;
  });
}

}  // namespace flanneld
