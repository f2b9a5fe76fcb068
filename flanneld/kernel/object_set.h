// Objects of one kind that all peers together need, kept as plans come and go. Pure.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "flanneld/backend/plan.h"

namespace flanneld {

// What the kernel tells objects of one kind apart by. The link comes last: it is most often the same, and the
// rest decides at once.
inline auto id_of(const PlannedRoute& route) { return std::tie(route.dst); }
inline auto id_of(const PlannedNeighbour& neighbour) { return std::tie(neighbour.address, neighbour.link); }
inline auto id_of(const PlannedFdbEntry& entry) { return std::tie(entry.mac.bytes, entry.link); }
inline auto id_of(const PlannedTunnelPeer& peer) { return std::tie(peer.public_key, peer.link); }

/// In the order of their ids, one for each id.
template <class Object>
class ObjectSet {
 public:
  using Id = decltype(id_of(std::declval<const Object&>()));
  struct Entry {
    const Object* object;  ///< within a plan
    uint64_t published;    ///< of two entries with one id the higher number counts
  };
  /// What has become of one id. nullptr: there was, or is, no object.
  struct Change {
    const Object *before, *now;
  };

  ObjectSet() = default;
  explicit ObjectSet(std::vector<Entry> entries) {
    const auto is_before = [](const Entry& a, const Entry& b) {
      const auto order = id_of(*a.object) <=> id_of(*b.object);
      return std::is_eq(order) ? a.published < b.published : std::is_lt(order);
    };
    // Most kinds come in this order already, as leases are in the order of their subnets.
    if (!std::is_sorted(entries.begin(), entries.end(), is_before))
      std::sort(entries.begin(), entries.end(), is_before);
    objects_.reserve(entries.size());
    for (const Entry& entry : entries)
      if (!objects_.empty() && id_of(*objects_.back().object) == id_of(*entry.object))
        hidden_.push_back(std::exchange(objects_.back(), entry));
      else
        objects_.push_back(entry);
  }

  /// nullptr if there is none.
  [[nodiscard]] const Object* find(const Id& id) const {
    const auto place = std::lower_bound(objects_.begin(), objects_.end(), id, &is_below);
    return place != objects_.end() && id_of(*place->object) == id ? place->object : nullptr;
  }

  /// Takes out the objects that are `gone`, and puts in those that have `come`; that is no more than a search
  /// for each of them. Answers in the order of ids, without those for which another plan has the same object.
  std::vector<Change> change(const std::vector<const Object*>& gone, const std::vector<Entry>& come) {
    struct Touched {
      const Object* one;  ///< with that id
      const Object* before;
    };
    std::vector<Touched> touched;
    touched.reserve(gone.size() + come.size());
    for (const Object* object : gone) touched.push_back({object, find(id_of(*object))});
    for (const Entry& entry : come) touched.push_back({entry.object, find(id_of(*entry.object))});
    for (const Object* object : gone) remove(object);
    for (const Entry& entry : come) put(entry);
    std::sort(touched.begin(), touched.end(),
              [](const Touched& a, const Touched& b) { return id_of(*a.one) < id_of(*b.one); });
    std::vector<Change> changes;
    for (size_t i = 0; i < touched.size(); ++i) {
      if (i > 0 && id_of(*touched[i].one) == id_of(*touched[i - 1].one)) continue;
      const Object *before = touched[i].before, *now = find(id_of(*touched[i].one));
      if (before != now) changes.push_back({before, now});
    }
    return changes;
  }

  [[nodiscard]] size_t size() const { return objects_.size(); }
  [[nodiscard]] auto begin() const { return objects_.begin(); }
  [[nodiscard]] auto end() const { return objects_.end(); }

 private:
  static bool is_below(const Entry& one, const Id& id) { return id_of(*one.object) < id; }
  [[nodiscard]] auto place_of(const Object& object) {
    return std::lower_bound(objects_.begin(), objects_.end(), id_of(object), &is_below);
  }

  void put(const Entry& entry) {
    const auto place = place_of(*entry.object);
    if (place == objects_.end() || id_of(*place->object) != id_of(*entry.object))
      objects_.insert(place, entry);
    else
      hidden_.push_back(entry.published < place->published ? entry : std::exchange(*place, entry));
  }

  void remove(const Object* object) {
    const auto place = place_of(*object);
    if (place == objects_.end() || place->object != object) {
      std::erase_if(hidden_, [&](const Entry& one) { return one.object == object; });
      return;
    }
    auto next = hidden_.end();  // the latest of those that it hid
    for (auto one = hidden_.begin(); one != hidden_.end(); ++one)
      if (id_of(*one->object) == id_of(*object) &&
          (next == hidden_.end() || next->published < one->published))
        next = one;
    if (next == hidden_.end()) {
      objects_.erase(place);
      return;
    }
    *place = *next;
    hidden_.erase(next);
  }

  std::vector<Entry> objects_;
  std::vector<Entry> hidden_;  ///< few, in no order: others have their ids
};

}  // namespace flanneld
