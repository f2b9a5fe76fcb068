#include "flanneld/peers/overlap.h"

#include <algorithm>

namespace flanneld {
namespace {

using Subnets = std::multimap<base::IpNet, const LeaseKey*>;

/// The first holder of just `subnet` that is another node; nullptr if there is none.
const LeaseKey* find_other(const Subnets& subnets, const base::IpNet& subnet,
                           const PeerClaims::IsSameNode& is_same_node) {
  const auto [begin, end] = subnets.equal_range(subnet);
  for (auto claim = begin; claim != end; ++claim)
    if (!is_same_node(*claim->second)) return claim->second;
  return nullptr;
}

}  // namespace

const LeaseKey* PeerClaims::find_overlap(const base::IpNet& subnet, const IsSameNode& is_same_node) const {
  // Larger ones, or the same: one look for each length that somebody has.
  const base::Family family = subnet.address.family();
  for (auto length = lengths_.lower_bound({family, 0});
       length != lengths_.end() && length->first <= std::pair(family, subnet.prefix); ++length) {
    const base::IpNet around{subnet.address, length->first.second};
    if (const LeaseKey* other = find_other(subnets_, around.network(), is_same_node)) return other;
  }
  // Smaller ones stand side by side in the order of addresses.
  for (auto within = subnets_.lower_bound({subnet.address, 0});
       within != subnets_.end() && subnet.contains(within->first.address); ++within)
    if (!is_same_node(*within->second)) return within->second;
  return nullptr;
}

std::optional<std::string> PeerClaims::find_conflict(const PeerPlan& plan,
                                                     const IsSameNode& is_same_node) const {
  for (const PlannedRoute& route : plan.routes)
    if (const LeaseKey* other = find_overlap(route.dst, is_same_node))
      return "subnet " + route.dst.str() + " overlaps another node's " + other->str();
  return std::nullopt;
}

void PeerClaims::add(const LeaseKey& holder, const PeerPlan& plan) {
  for (const PlannedRoute& route : plan.routes) {
    subnets_.emplace(route.dst, &holder);
    ++lengths_[{route.dst.address.family(), route.dst.prefix}];
  }
}

void PeerClaims::remove(const LeaseKey& holder, const PeerPlan& plan) {
  for (const PlannedRoute& route : plan.routes) {
    const auto [begin, end] = subnets_.equal_range(route.dst);
    subnets_.erase(std::find_if(begin, end, [&](const auto& claim) { return claim.second == &holder; }));
    const auto length = lengths_.find({route.dst.address.family(), route.dst.prefix});
    if (--length->second == 0) lengths_.erase(length);
  }
}

void PeerClaims::clear() {
  subnets_.clear();
  lengths_.clear();
}

}  // namespace flanneld
