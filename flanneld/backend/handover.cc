#include "flanneld/backend/handover.h"

#include <algorithm>
#include <utility>

namespace flanneld {
namespace {

/// Appends what is not there yet.
template <class Item>
void merge(std::vector<Item>& all, const std::vector<Item>& more) {
  for (const Item& one : more)
    if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
}

}  // namespace

Handover::Handover(std::shared_ptr<const Backend> now, std::shared_ptr<const Backend> former)
    : now_(std::move(now)), former_(std::move(former)) {}

uint32_t Handover::mtu() const { return std::min(now_->mtu(), former_->mtu()); }

NodePlan Handover::node_plan(const LeaseKey* own) const {
  NodePlan plan = now_->node_plan(own);
  const NodePlan former = former_->node_plan(own);
  plan.devices.insert(plan.devices.end(), former.devices.begin(), former.devices.end());
  merge(plan.route_links, former.route_links);
  merge(plan.networks, former.networks);
  merge(plan.routes, former.routes);
  plan.has_plain_routes = plan.has_plain_routes || former.has_plain_routes;
  return plan;
}

bool Handover::needs_former(const Lease& peer) const { return !now_->serves(peer) && former_->serves(peer); }

bool Handover::serves(const Lease& peer) const { return now_->serves(peer) || former_->serves(peer); }

PeerPlan Handover::peer_plan(const Lease& peer) const {
  if (needs_former(peer)) return former_->peer_plan(peer);
  PeerPlan plan = now_->peer_plan(peer);
  // It sends by the former tunnel until it has learned that this node has changed, too.
  if (former_->tunnel_ports().empty()) return plan;
  std::vector<base::IpAddress> senders;
  if (!peer.attributes.public_ip.is_unspecified()) senders.push_back(peer.attributes.public_ip);
  if (peer.attributes.public_ipv6) senders.push_back(*peer.attributes.public_ipv6);
  merge(plan.senders, senders);
  return plan;
}

std::vector<TunnelPort> Handover::tunnel_ports() const {
  std::vector<TunnelPort> ports = now_->tunnel_ports();
  merge(ports, former_->tunnel_ports());
  return ports;
}

std::optional<PacketTunnel> Handover::packet_tunnel() const {
  const auto tunnel = now_->packet_tunnel();
  return tunnel ? tunnel : former_->packet_tunnel();
}

bool can_serve_beside(const Backend& former, const Backend& now) {
  const auto devices = now.node_plan(nullptr).devices, others = former.node_plan(nullptr).devices;
  const bool shares_device = std::any_of(devices.begin(), devices.end(), [&](const Device& device) {
    return std::any_of(others.begin(), others.end(),
                       [&](const Device& other) { return other.name == device.name; });
  });
  if (shares_device) return false;
  return former.attributes().backend_type != now.attributes().backend_type || !others.empty();
}

}  // namespace flanneld
