// What all peers together need in the kernel, object by object. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "flanneld/backend/plan.h"

namespace flanneld {

// What the kernel tells objects of one kind apart by.
inline auto id_of(const PlannedRoute& route) { return std::tie(route.dst); }
inline auto id_of(const PlannedNeighbour& neighbour) { return std::tie(neighbour.link, neighbour.address); }
inline auto id_of(const PlannedFdbEntry& entry) { return std::tie(entry.link, entry.mac.bytes); }
inline auto id_of(const PlannedTunnelPeer& peer) { return std::tie(peer.link, peer.public_key); }

/// Objects of one kind in the order of their ids, one for each id.
template <class Object>
class ObjectSet {
 public:
  using Id = decltype(id_of(std::declval<const Object&>()));
  struct Entry {
    const Object* object;  ///< within a plan
    uint64_t published;    ///< of two entries with one id the higher number counts
  };

  ObjectSet() = default;
  explicit ObjectSet(std::vector<Entry> entries) {
    const auto is_before = [](const Entry& a, const Entry& b) {
      const Id id = id_of(*a.object), other = id_of(*b.object);
      return id != other ? id < other : a.published < b.published;
    };
    // Most kinds come in this order already, as leases are in the order of their subnets.
    if (!std::is_sorted(entries.begin(), entries.end(), is_before))
      std::sort(entries.begin(), entries.end(), is_before);
    objects_.reserve(entries.size());
    for (const Entry& entry : entries) {
      if (!objects_.empty() && id_of(*objects_.back()) == id_of(*entry.object)) objects_.pop_back();
      objects_.push_back(entry.object);
    }
  }

  /// nullptr if there is none.
  [[nodiscard]] const Object* find(const Id& id) const {
    const auto place =
        std::lower_bound(objects_.begin(), objects_.end(), id,
                         [](const Object* one, const Id& wanted) { return id_of(*one) < wanted; });
    return place != objects_.end() && id_of(**place) == id ? *place : nullptr;
  }

  [[nodiscard]] size_t size() const { return objects_.size(); }
  [[nodiscard]] auto begin() const { return objects_.begin(); }
  [[nodiscard]] auto end() const { return objects_.end(); }

 private:
  std::vector<const Object*> objects_;
};

/// Built again from all plans whenever one changes: for 5,000 peers that takes a millisecond or two.
class DesiredState {
 public:
  DesiredState() = default;
  /// `node_routes` are beside those of the peers.
  explicit DesiredState(const PeerPlans& peers, const std::vector<PlannedRoute>& node_routes = {});

  [[nodiscard]] const ObjectSet<PlannedRoute>& routes() const { return routes_; }
  [[nodiscard]] const ObjectSet<PlannedNeighbour>& neighbours() const { return neighbours_; }
  [[nodiscard]] const ObjectSet<PlannedFdbEntry>& fdb() const { return fdb_; }
  [[nodiscard]] const ObjectSet<PlannedTunnelPeer>& tunnel_peers() const { return tunnel_peers_; }

 private:
  // Hold the objects that the sets point to.
  std::vector<std::shared_ptr<const PeerPlan>> plans_;
  std::shared_ptr<const std::vector<PlannedRoute>> node_routes_;
  ObjectSet<PlannedRoute> routes_;
  ObjectSet<PlannedNeighbour> neighbours_;
  ObjectSet<PlannedFdbEntry> fdb_;
  ObjectSet<PlannedTunnelPeer> tunnel_peers_;
};

/// Walks through both sets: calls `put` with each object that `now` has and `before` has not or has with
/// other values, and `remove` with each object whose id `now` lacks.
template <class Object, class Put, class Remove>
void compare(const ObjectSet<Object>& before, const ObjectSet<Object>& now, Put&& put, Remove&& remove) {
  auto old = before.begin();
  for (const Object* object : now) {
    while (old != before.end() && id_of(**old) < id_of(*object)) remove(**old++);
    const bool is_known = old != before.end() && id_of(**old) == id_of(*object);
    if (!is_known || !(*old == object || **old == *object)) put(*object);
    if (is_known) ++old;
  }
  while (old != before.end()) remove(**old++);
}

}  // namespace flanneld
