#include "flanneld/peers/overlap.h"

#include <fmt/format.h>

#include <algorithm>

namespace flanneld {
namespace {

using Holders = std::multimap<base::IpNet, LeaseKey>;

/// The first other node that holds exactly `subnet`; nullptr if there is none.
const LeaseKey* find_other(const Holders& holders, const base::IpNet& subnet,
                           const Overlap::IsSameNode& is_same_node) {
  const auto [begin, end] = holders.equal_range(subnet);
  for (auto one = begin; one != end; ++one)
    if (!is_same_node(one->second)) return &one->second;
  return nullptr;
}

}  // namespace

const LeaseKey* Overlap::find_holder(const base::IpNet& subnet, const IsSameNode& is_same_node) const {
  // Larger subnets and the same one: one look for each prefix length in use.
  const base::Family family = subnet.address.family();
  for (auto length = lengths_.lower_bound({family, 0});
       length != lengths_.end() && length->first <= std::pair(family, subnet.prefix); ++length) {
    const base::IpNet around{subnet.address, length->first.second};
    if (const LeaseKey* other = find_other(holders_, around.network(), is_same_node)) return other;
  }
  // Smaller subnets are neighbours in the order of addresses.
  for (auto within = holders_.lower_bound({subnet.address, 0});
       within != holders_.end() && subnet.contains(within->first.address); ++within)
    if (!is_same_node(within->second)) return &within->second;
  return nullptr;
}

std::optional<std::string> Overlap::find_conflict(const PeerPlan& plan,
                                                  const IsSameNode& is_same_node) const {
  for (const PlannedRoute& route : plan.routes)
    if (const LeaseKey* other = find_holder(route.dst, is_same_node))
      return fmt::format("subnet {} overlaps another node's {}", route.dst, other->str());
  return std::nullopt;
}

void Overlap::add(const LeaseKey& holder, const PeerPlan& plan) {
  for (const PlannedRoute& route : plan.routes) {
    holders_.emplace(route.dst, holder);
    ++lengths_[{route.dst.address.family(), route.dst.prefix}];
  }
}

void Overlap::remove(const LeaseKey& holder, const PeerPlan& plan) {
  for (const PlannedRoute& route : plan.routes) {
    const auto [begin, end] = holders_.equal_range(route.dst);
    holders_.erase(std::find_if(begin, end, [&](const auto& one) { return one.second == holder; }));
    const auto length = lengths_.find({route.dst.address.family(), route.dst.prefix});
    if (--length->second == 0) lengths_.erase(length);
  }
}

void Overlap::clear() {
  holders_.clear();
  lengths_.clear();
}

}  // namespace flanneld
