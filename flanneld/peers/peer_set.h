// The other nodes: their leases, and for each one its plan, or the reason why it has none. A subnet, a public
// address and a VTEP MAC are the node's that had them first; of those that one list brings, the list names
// the older ones first. Pure; the plans are the backend's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "flanneld/backend/backend.h"
#include "flanneld/lease/lease_table.h"
#include "flanneld/peers/identities.h"
#include "flanneld/peers/overlap.h"
#include "flanneld/peers/own_networks.h"

namespace flanneld {

/// What a change of leases brought, for the log.
struct PeerChange {
  std::vector<Lease> joined, changed, left;
  std::vector<std::pair<Lease, std::string>> kept;      ///< reached as before, with the reason
  std::vector<std::pair<Lease, std::string>> rejected;  ///< with the reason

  [[nodiscard]] bool empty() const {
    return joined.empty() && changed.empty() && left.empty() && kept.empty() && rejected.empty();
  }
};

class PeerSet {
 public:
  /// Plans every peer again, for a node that holds `own` (nullopt: no lease yet). No peer gets a subnet that
  /// collides with the node's own networks. `on_link`: the networks that the nodes' addresses may be in.
  void use(NetworkConfig config, std::shared_ptr<const Backend> backend, std::optional<Lease> own,
           std::vector<OwnNetwork> own_networks = {}, std::vector<base::IpNet> on_link = {});

  /// Takes a complete list, older leases first.
  PeerChange reset(const std::vector<Lease>& leases);
  /// Takes a list that may lack peers. A peer stays if neither its node nor its subnet is in the list.
  PeerChange merge(const std::vector<Lease>& leases);
  /// Takes changes, in their order.
  PeerChange apply(const std::vector<LeaseEvent>& events);

  [[nodiscard]] const LeaseMap& leases() const { return table_.leases(); }
  [[nodiscard]] const PeerPlans& plans() const { return plans_; }
  /// What has become of plans() since the last call of it.
  PlanChanges take_changes();
  /// The leases without a plan, and why.
  [[nodiscard]] const std::map<LeaseKey, std::string>& rejected() const { return rejected_; }
  /// The leases of nodes that have changed their backend before this one: they have the plan that they had,
  /// for such a node serves it on until its peers have changed too. With the reason.
  [[nodiscard]] const std::map<LeaseKey, std::string>& kept() const { return kept_; }

 private:
  /// The order in which leases are planned.
  enum class Rank { planned_before, waiting, new_lease };
  struct Candidate {
    const Lease* lease;
    Rank rank;
    uint64_t since;  ///< counts up: when the lease was first seen
    bool was_rejected;
    PlannedPeer before;  ///< its plan is null if it had none
  };

  PeerChange take(const LeaseDiff& diff);
  /// Removes what is known of a lease, to plan it again.
  [[nodiscard]] Candidate take_out(const Lease& lease);
  void forget(const LeaseKey& key);
  /// The plan of `key` is about to change: for take_changes().
  void note_plan(const LeaseKey& key);
  static void put_in_order(std::vector<Candidate>& candidates);
  void note_age(const LeaseKey& key) { seen_ += since_.try_emplace(key, seen_ + 1).second ? 1 : 0; }
  /// Plans the lease, or says why it cannot be used. A plan that is as before keeps its place.
  std::optional<std::string> plan(const Candidate& candidate);
  std::optional<std::string> try_plan(const Candidate& candidate);
  /// Its plan can stay, and is all there is: the backend does not serve it any more.
  [[nodiscard]] bool is_kept(const Candidate& candidate) const;
  [[nodiscard]] std::optional<std::string> find_conflict(const Lease& lease, const PeerPlan& plan) const;
  [[nodiscard]] std::optional<std::string> find_unfit_address(const Lease& lease) const;
  [[nodiscard]] std::optional<std::string> find_collision_of(const PeerPlan& plan) const;

  std::optional<NetworkConfig> config_;
  std::shared_ptr<const Backend> backend_;
  std::optional<Lease> own_;
  std::vector<OwnNetwork> own_networks_;
  std::vector<base::IpNet> on_link_;
  LeaseTable table_;
  PeerPlans plans_;
  std::map<LeaseKey, std::shared_ptr<const PeerPlan>> before_;  ///< null: it had none
  uint64_t published_ = 0;                                      ///< the last number given to a plan
  Overlap overlap_;                                             ///< of plans_
  Identities identities_;                                       ///< likewise
  std::map<LeaseKey, std::string> rejected_, kept_;
  std::set<LeaseKey> waiting_;  ///< those of rejected_ that want what another node holds
  std::map<LeaseKey, uint64_t> since_;
  uint64_t seen_ = 0;  ///< the last number in since_
};

}  // namespace flanneld
