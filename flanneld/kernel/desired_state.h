// What all peers together need in the kernel, object by object. Pure.
#pragma once

#include <memory>
#include <unordered_set>
#include <vector>

#include "flanneld/backend/plan.h"
#include "flanneld/kernel/object_set.h"

namespace flanneld {

/// What changed plans make of the desired state.
struct DesiredChange {
  std::vector<ObjectSet<PlannedRoute>::Change> routes;
  std::vector<ObjectSet<PlannedNeighbour>::Change> neighbours;
  std::vector<ObjectSet<PlannedFdbEntry>::Change> fdb;
  std::vector<ObjectSet<PlannedTunnelPeer>::Change> tunnel_peers;
  PlanChanges plans;  ///< hold the objects that the above point to
};

class DesiredState {
 public:
  DesiredState() = default;
  /// `node_routes` are beside those of the peers.
  explicit DesiredState(const PeerPlans& peers, const std::vector<PlannedRoute>& node_routes = {});
  DesiredState(const DesiredState&) = delete;
  DesiredState& operator=(const DesiredState&) = delete;
  DesiredState(DesiredState&&) = default;
  DesiredState& operator=(DesiredState&&) = default;

  /// Takes up the changes since the plans that it was made of. Their number decides what it costs, not that
  /// of all peers.
  DesiredChange take(PlanChanges changes);

  [[nodiscard]] const ObjectSet<PlannedRoute>& routes() const { return routes_; }
  [[nodiscard]] const ObjectSet<PlannedNeighbour>& neighbours() const { return neighbours_; }
  [[nodiscard]] const ObjectSet<PlannedFdbEntry>& fdb() const { return fdb_; }
  [[nodiscard]] const ObjectSet<PlannedTunnelPeer>& tunnel_peers() const { return tunnel_peers_; }

 private:
  // Hold the objects that the sets point to.
  std::unordered_set<std::shared_ptr<const PeerPlan>> plans_;
  std::vector<PlannedRoute> node_routes_;
  ObjectSet<PlannedRoute> routes_;
  ObjectSet<PlannedNeighbour> neighbours_;
  ObjectSet<PlannedFdbEntry> fdb_;
  ObjectSet<PlannedTunnelPeer> tunnel_peers_;
};

}  // namespace flanneld
