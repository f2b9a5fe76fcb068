// What the peers need, by object. Two leases may claim one object, as when a node has just taken another
// subnet: the later claim counts, and when it goes the earlier one does again. Pure.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "flanneld/backend.h"
#include "flanneld/lease.h"

namespace flanneld {

/// Of one object: how it was and how it is to be; nullopt: not at all.
template <class Object>
struct WantedChange {
  std::optional<Object> before, after;
};

/// The objects of one kind. `Id` is what the kernel tells them apart by.
template <class Id, class Object>
class Claims {
 public:
  void put(const LeaseKey* holder, const Id& id, const Object& object) {
    remember(id);
    auto& claims = claims_[id];
    std::erase_if(claims, [&](const Claim& claim) { return claim.first == holder; });
    claims.emplace_back(holder, object);
  }

  void remove(const LeaseKey* holder, const Id& id) {
    const auto found = claims_.find(id);
    if (found == claims_.end()) return;
    remember(id);
    std::erase_if(found->second, [&](const Claim& claim) { return claim.first == holder; });
    if (found->second.empty()) claims_.erase(found);
  }

  [[nodiscard]] const Object* find(const Id& id) const {
    const auto found = claims_.find(id);
    return found == claims_.end() ? nullptr : &found->second.back().second;
  }

  [[nodiscard]] size_t size() const { return claims_.size(); }

  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [id, claims] : claims_) visit(claims.back().second);
  }

  /// What is another since the last call.
  std::vector<WantedChange<Object>> take_changes() {
    std::vector<WantedChange<Object>> changes;
    for (auto& [id, before] : before_) {
      const Object* now = find(id);
      std::optional<Object> after = now ? std::optional<Object>(*now) : std::nullopt;
      if (before != after) changes.push_back({std::move(before), std::move(after)});
    }
    before_.clear();
    return changes;
  }

 private:
  using Claim = std::pair<const LeaseKey*, Object>;

  void remember(const Id& id) {
    if (before_.contains(id)) return;
    const Object* now = find(id);
    before_.emplace(id, now ? std::optional<Object>(*now) : std::nullopt);
  }

  std::map<Id, std::vector<Claim>> claims_;
  std::map<Id, std::optional<Object>> before_;  ///< of those touched since the last take_changes()
};

class WantedState {
 public:
  using LinkAddress = std::pair<std::string, base::IpAddress>;
  using LinkMac = std::pair<std::string, std::array<uint8_t, 6>>;

  WantedState() = default;
  WantedState(const WantedState&) = delete;  // claims refer to the keys of peers_
  WantedState& operator=(const WantedState&) = delete;

  /// Replaces what the lease needs, if it had anything.
  void put(const LeaseKey& lease, PeerPlan plan);
  /// Harmless for a lease that is not there.
  void remove(const LeaseKey& lease);
  /// As remove() and put() of what is another; claims that stay keep their order.
  void reset(std::map<LeaseKey, PeerPlan> peers);

  [[nodiscard]] const Claims<base::IpNet, PlannedRoute>& routes() const { return routes_; }
  [[nodiscard]] const Claims<LinkAddress, PlannedNeighbour>& neighbours() const { return neighbours_; }
  [[nodiscard]] const Claims<LinkMac, PlannedFdbEntry>& fdb() const { return fdb_; }

  struct Changes {
    std::vector<WantedChange<PlannedRoute>> routes;
    std::vector<WantedChange<PlannedNeighbour>> neighbours;
    std::vector<WantedChange<PlannedFdbEntry>> fdb;
  };
  Changes take_changes();

 private:
  void unclaim(const LeaseKey* holder, const PeerPlan& plan);

  std::map<LeaseKey, PeerPlan> peers_;
  Claims<base::IpNet, PlannedRoute> routes_;
  Claims<LinkAddress, PlannedNeighbour> neighbours_;
  Claims<LinkMac, PlannedFdbEntry> fdb_;
};

}  // namespace flanneld
