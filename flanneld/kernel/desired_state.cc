#include "flanneld/kernel/desired_state.h"

namespace flanneld {
namespace {

/// One kind of object of all plans.
template <class Object>
ObjectSet<Object> gather(const PeerPlans& peers, std::vector<Object> PeerPlan::*objects,
                         const std::vector<Object>& others = {}) {
  std::vector<typename ObjectSet<Object>::Entry> entries;
  entries.reserve(others.size() + peers.size());
  for (const Object& object : others) entries.push_back({&object, 0});
  for (const auto& [lease, peer] : peers)
    for (const Object& object : (*peer.plan).*objects) entries.push_back({&object, peer.published});
  return ObjectSet<Object>(std::move(entries));
}

}  // namespace

DesiredState::DesiredState(const PeerPlans& peers, const std::vector<PlannedRoute>& node_routes)
    : node_routes_(std::make_shared<const std::vector<PlannedRoute>>(node_routes)),
      routes_(gather(peers, &PeerPlan::routes, *node_routes_)),
      neighbours_(gather(peers, &PeerPlan::neighbours)),
      fdb_(gather(peers, &PeerPlan::fdb)),
      tunnel_peers_(gather(peers, &PeerPlan::tunnel_peers)) {
  plans_.reserve(peers.size());
  for (const auto& [lease, peer] : peers) plans_.push_back(peer.plan);
}

}  // namespace flanneld
