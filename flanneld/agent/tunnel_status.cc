#include "flanneld/agent/tunnel_status.h"

#include <fmt/format.h>

#include <iterator>

namespace flanneld {
namespace {

std::string format_endpoint(const netlink::WireguardEndpoint& endpoint) {
  return endpoint.address.is_v4() ? fmt::format("{}:{}", endpoint.address, endpoint.port)
                                  : fmt::format("[{}]:{}", endpoint.address, endpoint.port);
}

}  // namespace

TunnelLookup::TunnelLookup(const TunnelStates& states) {
  for (const auto& [link, state] : states)
    for (const netlink::WireguardPeer& peer : state.peers) peers_[{link, peer.public_key}] = &peer;
}

const netlink::WireguardPeer* TunnelLookup::find(const PlannedTunnelPeer& planned) const {
  const auto found = peers_.find({planned.link, planned.public_key});
  return found == peers_.end() ? nullptr : found->second;
}

json::OrderedValue tunnels_json(const PeerPlan& plan, const TunnelLookup& lookup,
                                std::chrono::sys_seconds now) {
  json::OrderedValue tunnels = json::OrderedValue::array();
  for (const PlannedTunnelPeer& planned : plan.tunnel_peers) {
    const netlink::WireguardPeer* peer = lookup.find(planned);
    if (!peer) continue;
    json::OrderedValue tunnel{{"device", planned.link},
                              {"endpoint", nullptr},
                              {"handshakeSecondsAgo", nullptr},
                              {"received", peer->received},
                              {"sent", peer->sent}};
    if (peer->endpoint) tunnel["endpoint"] = format_endpoint(*peer->endpoint);
    if (peer->last_handshake) tunnel["handshakeSecondsAgo"] = (now - *peer->last_handshake).count();
    tunnels.push_back(std::move(tunnel));
  }
  return tunnels;
}

std::string tunnel_metrics(const PeerPlans& plans, const TunnelLookup& lookup, std::chrono::sys_seconds now) {
  if (lookup.empty()) return {};
  std::string handshakes, received, sent;
  size_t silent = 0;
  for (const auto& [key, planned] : plans)
    for (const PlannedTunnelPeer& one : planned.plan->tunnel_peers) {
      const netlink::WireguardPeer* peer = lookup.find(one);
      if (!peer) continue;
      const std::string labels = fmt::format(R"({{device="{}",subnet="{}"}})", one.link, one.allowed.front());
      if (peer->last_handshake)
        fmt::format_to(std::back_inserter(handshakes), "flanneld_wireguard_handshake_age_seconds{} {}\n",
                       labels, (now - *peer->last_handshake).count());
      else
        ++silent;
      fmt::format_to(std::back_inserter(received), "flanneld_wireguard_received_bytes_total{} {}\n", labels,
                     peer->received);
      fmt::format_to(std::back_inserter(sent), "flanneld_wireguard_sent_bytes_total{} {}\n", labels,
                     peer->sent);
    }
  return fmt::format(
      "# HELP flanneld_wireguard_peers_silent Peers of WireGuard devices that have never shaken hands.\n"
      "# TYPE flanneld_wireguard_peers_silent gauge\nflanneld_wireguard_peers_silent {}\n"
      "# HELP flanneld_wireguard_handshake_age_seconds Time since the last handshake; two minutes are "
      "usual.\n"
      "# TYPE flanneld_wireguard_handshake_age_seconds gauge\n{}"
      "# HELP flanneld_wireguard_received_bytes_total Bytes that came from the peer, encrypted.\n"
      "# TYPE flanneld_wireguard_received_bytes_total counter\n{}"
      "# HELP flanneld_wireguard_sent_bytes_total Bytes that went to the peer, encrypted.\n"
      "# TYPE flanneld_wireguard_sent_bytes_total counter\n{}",
      silent, handshakes, received, sent);
}

}  // namespace flanneld
