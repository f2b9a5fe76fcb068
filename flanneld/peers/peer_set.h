// The other nodes: their leases, and what each needs in the kernel or why it gets nothing. Where leases of
// two nodes stand against each other, that which was there first counts; of those seen first in one list, the
// smaller subnet, then the lower key. Pure; the plans are the backend's.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "flanneld/backend/backend.h"
#include "flanneld/lease/lease_table.h"
#include "flanneld/peers/overlap.h"

namespace flanneld {

/// What a change of leases means for the kernel, and for the log.
struct PeerChange {
  PeerPlans upserted;
  std::vector<LeaseKey> removed;  ///< gone, or not usable any more
  std::vector<Lease> joined, changed, left;
  std::vector<std::pair<Lease, std::string>> rejected;  ///< and why
};

class PeerSet {
 public:
  /// Plans every peer anew for a node that holds `own` (null: no lease yet); all three stay the caller's and
  /// must live until the next call.
  const PeerPlans& use(const NetworkConfig* config, const Backend* backend, const Lease* own);

  /// A complete list.
  PeerChange reset(const std::vector<Lease>& leases) { return take(table_.reset(leases)); }
  /// A list that may lack peers: those that it does not contradict stay.
  PeerChange merge(const std::vector<Lease>& leases);
  /// Changes in their order.
  PeerChange apply(const std::vector<LeaseEvent>& events) { return take(table_.apply(events)); }

  [[nodiscard]] const LeaseMap& leases() const { return table_.leases(); }
  [[nodiscard]] const PeerPlans& plans() const { return plans_; }
  [[nodiscard]] const std::map<LeaseKey, std::string>& rejected() const { return rejected_; }

 private:
  /// Lower goes first.
  enum class Rank { held, waiting, come };
  struct Candidate {
    Rank rank;
    const Lease* lease;
    bool was_planned, is_known;
  };

  PeerChange take(const LeaseDiff& diff);
  [[nodiscard]] Candidate candidate(const Lease& lease) const;
  static void put_in_order(std::vector<Candidate>& candidates);
  /// False if the lease had no plan.
  bool forget(const LeaseKey& key);
  /// Empty when the lease is usable, and then its plan is in plans_.
  std::string plan(const Lease& lease);

  const NetworkConfig* config_ = nullptr;
  const Backend* backend_ = nullptr;
  const Lease* own_ = nullptr;
  LeaseTable table_;
  PeerPlans plans_;
  PeerClaims claims_;  ///< of plans_, whose keys it refers to
  std::map<LeaseKey, std::string> rejected_;
  std::set<LeaseKey> waiting_;  ///< those of rejected_ that another node stands in the way of
};

}  // namespace flanneld
