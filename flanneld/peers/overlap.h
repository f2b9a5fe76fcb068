// Finds the node that already holds a part of the pod network, so that no two nodes get the same part. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "flanneld/backend/plan.h"
#include "flanneld/lease/lease.h"

namespace flanneld {

/// The subnets of all planned peers, with the leases that hold them.
class Overlap {
 public:
  /// Whether a holder's lease belongs to the node that is asked about. One node may have two leases, as when
  /// it has just turned to dual stack; these do not conflict.
  using IsSameNode = std::function<bool(const LeaseKey& holder)>;

  /// Says which subnet of the plan overlaps one that another node holds; nullopt: none.
  [[nodiscard]] std::optional<std::string> find_conflict(const PeerPlan& plan,
                                                         const IsSameNode& is_same_node) const;

  void add(const LeaseKey& holder, const PeerPlan& plan);
  /// Both must be as given to add().
  void remove(const LeaseKey& holder, const PeerPlan& plan);
  void clear();

 private:
  [[nodiscard]] const LeaseKey* find_holder(const base::IpNet& subnet, const IsSameNode& is_same_node) const;

  std::multimap<base::IpNet, LeaseKey> holders_;
  std::map<std::pair<base::Family, uint8_t>, size_t>
      lengths_;  ///< prefix lengths in holders_, with their number
};

}  // namespace flanneld
