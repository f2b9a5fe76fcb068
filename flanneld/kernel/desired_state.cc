#include "flanneld/kernel/desired_state.h"

#include <utility>

namespace flanneld {

void WantedState::unclaim(const LeaseKey* holder, const PeerPlan& plan) {
  for (const PlannedRoute& route : plan.routes) routes_.remove(holder, route.dst);
  for (const PlannedNeighbour& neighbour : plan.neighbours)
    neighbours_.remove(holder, {neighbour.link, neighbour.address});
  for (const PlannedFdbEntry& entry : plan.fdb) fdb_.remove(holder, {entry.link, entry.mac.bytes});
}

void WantedState::put(const LeaseKey& lease, std::shared_ptr<const PeerPlan> plan) {
  const auto [place, is_new] = peers_.try_emplace(lease);
  const LeaseKey* holder = &place->first;
  if (!is_new) {
    if (*place->second == *plan) return;
    unclaim(holder, *place->second);
  }
  place->second = std::move(plan);
  const PeerPlan& kept = *place->second;
  for (const PlannedRoute& route : kept.routes) routes_.put(holder, route.dst, &route);
  for (const PlannedNeighbour& neighbour : kept.neighbours)
    neighbours_.put(holder, {neighbour.link, neighbour.address}, &neighbour);
  for (const PlannedFdbEntry& entry : kept.fdb) fdb_.put(holder, {entry.link, entry.mac.bytes}, &entry);
}

void WantedState::remove(const LeaseKey& lease) {
  const auto place = peers_.find(lease);
  if (place == peers_.end()) return;
  unclaim(&place->first, *place->second);
  peers_.erase(place);
}

void WantedState::reset(PeerPlans peers) {
  std::vector<LeaseKey> gone;
  for (const auto& [lease, plan] : peers_)
    if (!peers.contains(lease)) gone.push_back(lease);
  for (const LeaseKey& lease : gone) remove(lease);
  while (!peers.empty()) {
    auto one = peers.extract(peers.begin());
    put(one.key(), std::move(one.mapped()));
  }
}

WantedState::Changes WantedState::take_changes() {
  return {routes_.take_changes(), neighbours_.take_changes(), fdb_.take_changes()};
}

}  // namespace flanneld
