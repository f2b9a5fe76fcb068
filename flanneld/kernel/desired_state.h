// What the peers need, by object. Two leases may claim one object, as when a node has just taken another
// subnet: the later claim counts, and when it goes the earlier one does again. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flanneld/backend/plan.h"
#include "flanneld/lease/lease.h"

namespace flanneld {

/// Of one object: how it was and how it is to be; nullopt: not at all.
template <class Object>
struct WantedChange {
  std::optional<Object> before, after;
};

/// The objects of one kind, each within the plan of the lease that wants it: the plan must stay where it is
/// for as long as the claim. `Id` is what the kernel tells them apart by.
template <class Id, class Object>
class Claims {
 public:
  /// A second claim of the same holder counts instead of its first.
  void put(const LeaseKey* holder, const Id& id, const Object* object) {
    remove(holder, id);
    remember(id);
    if (!claims_.contains(id)) ++size_;
    claims_.emplace(id, Claim{holder, object});  // behind those that there are
  }

  void remove(const LeaseKey* holder, const Id& id) {
    const auto [first, last] = claims_.equal_range(id);
    const auto found =
        std::find_if(first, last, [&](const auto& entry) { return entry.second.holder == holder; });
    if (found == last) return;
    remember(id);
    claims_.erase(found);
    if (!claims_.contains(id)) --size_;
  }

  [[nodiscard]] const Object* find(const Id& id) const {
    const auto [first, last] = claims_.equal_range(id);
    return first == last ? nullptr : std::prev(last)->second.object;
  }

  /// Of objects, however many claim each.
  [[nodiscard]] size_t size() const { return size_; }

  template <class Visit>
  void for_each(Visit&& visit) const {
    for (auto claim = claims_.begin(); claim != claims_.end(); ++claim)
      if (const auto next = std::next(claim); next == claims_.end() || next->first != claim->first)
        visit(*claim->second.object);
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
  struct Claim {
    const LeaseKey* holder;
    const Object* object;
  };

  void remember(const Id& id) {
    if (before_.contains(id)) return;
    const Object* now = find(id);
    before_.emplace(id, now ? std::optional<Object>(*now) : std::nullopt);
  }

  std::multimap<Id, Claim> claims_;  ///< of one Id the last one counts
  size_t size_ = 0;
  std::map<Id, std::optional<Object>> before_;  ///< of those touched since the last take_changes()
};

class WantedState {
 public:
  using LinkAddress = std::pair<std::string, base::IpAddress>;
  using LinkMac = std::pair<std::string, std::array<uint8_t, 6>>;

  WantedState() = default;
  WantedState(const WantedState&) = delete;  // claims refer to what peers_ holds
  WantedState& operator=(const WantedState&) = delete;

  /// Replaces what the lease needs, if it had anything.
  void put(const LeaseKey& lease, std::shared_ptr<const PeerPlan> plan);
  /// Harmless for a lease that is not there.
  void remove(const LeaseKey& lease);
  /// As remove() and put() of what is another; claims that stay keep their order.
  void reset(PeerPlans peers);

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

  PeerPlans peers_;
  Claims<base::IpNet, PlannedRoute> routes_;
  Claims<LinkAddress, PlannedNeighbour> neighbours_;
  Claims<LinkMac, PlannedFdbEntry> fdb_;
};

}  // namespace flanneld
