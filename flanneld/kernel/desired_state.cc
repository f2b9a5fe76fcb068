#include "flanneld/kernel/desired_state.h"

#include <utility>

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

/// The same of the changed plans alone.
template <class Object>
std::vector<typename ObjectSet<Object>::Change> change(ObjectSet<Object>& set, const PlanChanges& changes,
                                                       std::vector<Object> PeerPlan::*objects) {
  std::vector<const Object*> gone;
  std::vector<typename ObjectSet<Object>::Entry> come;
  for (const PlanChange& one : changes) {
    if (one.before)
      for (const Object& object : (*one.before).*objects) gone.push_back(&object);
    if (one.now.plan)
      for (const Object& object : (*one.now.plan).*objects) come.push_back({&object, one.now.published});
  }
  return set.change(gone, come);
}

}  // namespace

DesiredState::DesiredState(const PeerPlans& peers, const std::vector<PlannedRoute>& node_routes)
    : node_routes_(node_routes),
      routes_(gather(peers, &PeerPlan::routes, node_routes_)),
      neighbours_(gather(peers, &PeerPlan::neighbours)),
      fdb_(gather(peers, &PeerPlan::fdb)),
      tunnel_peers_(gather(peers, &PeerPlan::tunnel_peers)) {
  plans_.reserve(peers.size());
  for (const auto& [lease, peer] : peers) plans_.insert(peer.plan);
}

DesiredChange DesiredState::take(PlanChanges changes) {
  DesiredChange result{.routes = change(routes_, changes, &PeerPlan::routes),
                       .neighbours = change(neighbours_, changes, &PeerPlan::neighbours),
                       .fdb = change(fdb_, changes, &PeerPlan::fdb),
                       .tunnel_peers = change(tunnel_peers_, changes, &PeerPlan::tunnel_peers),
                       .plans = {}};
  for (const PlanChange& one : changes) {
    if (one.before) plans_.erase(one.before);
    if (one.now.plan) plans_.insert(one.now.plan);
  }
  result.plans = std::move(changes);
  return result;
}

}  // namespace flanneld
