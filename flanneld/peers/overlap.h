// Which parts of the pod network the peers that are reached hold, so that no two nodes get the same. Pure.
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

class PeerClaims {
 public:
  /// Whether a lease that holds something is of the same node as the one asked for. One node may have two
  /// leases, as when it has just taken another subnet, and these never stand against each other.
  using IsSameNode = std::function<bool(const LeaseKey& holder)>;

  /// What of the plan another node holds already, as a reason for people; nullopt: nothing.
  [[nodiscard]] std::optional<std::string> find_conflict(const PeerPlan& plan,
                                                         const IsSameNode& is_same_node) const;

  /// `holder` stays the caller's and must live until remove() is called with both.
  void add(const LeaseKey& holder, const PeerPlan& plan);
  void remove(const LeaseKey& holder, const PeerPlan& plan);
  void clear();

 private:
  [[nodiscard]] const LeaseKey* find_overlap(const base::IpNet& subnet, const IsSameNode& is_same_node) const;

  std::multimap<base::IpNet, const LeaseKey*> subnets_;
  std::map<std::pair<base::Family, uint8_t>, size_t> lengths_;  ///< of subnets_, and how many have it
};

}  // namespace flanneld
