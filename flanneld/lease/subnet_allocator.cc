#include "flanneld/lease/subnet_allocator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>

namespace flanneld {
namespace {

using base::Family;
using base::IpAddress;
using base::IpNet;

/// True if both name one backend and have the same data for it, a MAC address for example.
bool has_same_backend_data(const LeaseAttributes& a, const LeaseAttributes& b) {
  return (!a.backend_data.empty() || !a.backend_v6_data.empty()) && a.backend_type == b.backend_type &&
         a.backend_data == b.backend_data && a.backend_v6_data == b.backend_v6_data;
}

/// Upstream knows the own lease by the public address alone. That address can change while the node runs.
bool is_own(const Lease& lease, const SubnetRequest& request) {
  if (lease.key == request.previous &&
      (has_same_backend_data(lease.attributes, request.attributes) || lease.attributes == request.published))
    return true;
  const LeaseAttributes& node = request.attributes;
  if (!node.public_ip.is_unspecified()) return lease.attributes.public_ip == node.public_ip;
  return node.public_ipv6 && lease.attributes.public_ipv6 == node.public_ipv6;
}

/// Whether `key` has a subnet that is allowed for each enabled family, and none for another.
bool fits(const LeaseKey& key, const NetworkConfig& config) {
  return std::ranges::all_of(base::kFamilies, [&](Family family) {
    const auto& subnet = key.of(family);
    const auto& rules = config.of(family);
    return subnet.has_value() == rules.has_value() && (!subnet || rules->allows(*subnet));
  });
}

/// First and last address of each subnet that somebody else holds, by first address.
struct Interval {
  IpAddress first, last;
};

std::vector<Interval> sorted_intervals(const std::vector<const Lease*>& others,
                                       const std::vector<IpNet>& avoid, Family family) {
  std::vector<Interval> taken;
  for (const IpNet& net : avoid)
    if (net.address.family() == family) taken.push_back({net.network().address, net.last()});
  for (const Lease* lease : others)
    if (const auto& subnet = lease->key.of(family))
      taken.push_back({subnet->network().address, subnet->last()});
  std::ranges::sort(taken, {}, &Interval::first);
  return taken;
}

/// The first free subnets, at most `most`. Steps over a held network in one go, however large:
/// the work is bounded by the number of leases.
std::vector<IpNet> free_subnets(const FamilyConfig& config, const std::vector<Interval>& taken, size_t most) {
  std::vector<IpNet> candidates;
  const uint64_t count = config.subnet_count();
  auto next_taken = taken.begin();
  for (uint64_t index = 0; index < count && candidates.size() < most;) {
    const IpNet subnet = config.nth_subnet(index);
    while (next_taken != taken.end() && next_taken->last < subnet.address) ++next_taken;
    if (next_taken == taken.end() || subnet.last() < next_taken->first) {
      candidates.push_back(subnet);
      ++index;
      continue;
    }
    const uint64_t covered = config.index_of(next_taken->last);
    if (covered >= count) break;
    index = covered + 1;
  }
  return candidates;
}

/// Who holds `subnet` or a part of it; nullptr if nobody does. One who claims more than a node may have does
/// not count: the subnet was the asking node's before.
const Lease* find_holder(const std::vector<const Lease*>& others, const IpNet& subnet) {
  for (const Lease* lease : others)
    if (const auto& held = lease->key.of(subnet.address.family());
        held && held->prefix >= subnet.prefix && held->overlaps(subnet))
      return lease;
  return nullptr;
}

/// Without those that claim more than a node may have, of which no node takes notice.
std::vector<const Lease*> without_oversized(std::vector<const Lease*> others, const FamilyConfig& config) {
  std::erase_if(others, [&](const Lease* lease) {
    const auto& held = lease->key.of(config.network.address.family());
    return held && held->prefix < config.subnet_len;
  });
  return others;
}

/// Works out one plan for a node without a lease that it could take over.
class SubnetChooser {
 public:
  SubnetChooser(const NetworkConfig& config, std::vector<const Lease*> others, const SubnetRequest& request,
                const RandomBelow& random)
      : config_(config), others_(std::move(others)), request_(request), random_(random) {}

  /// The node had `key` once; the sooner this is said, the more it counts.
  void prefer(const LeaseKey& key) { preferred_.push_back(key); }

  /// Adds key, origin and refused to `plan`; false: out of subnets.
  bool fill(SubnetPlan& plan) {
    plan.origin = SubnetOrigin::kept;
    for (const Family family : base::kFamilies) {
      if (!config_.of(family)) continue;
      std::optional<IpNet> subnet = find_preferred(family, plan);
      if (!subnet) {
        subnet = draw(*config_.of(family), family);
        plan.origin = SubnetOrigin::fresh;
      }
      if (!subnet) return false;
      (family == Family::v4 ? plan.key.subnet : plan.key.ipv6_subnet) = subnet;
    }
    return true;
  }

 private:
  std::optional<IpNet> find_preferred(Family family, SubnetPlan& plan) const {
    for (const LeaseKey& key : preferred_) {
      const auto& subnet = key.of(family);
      if (!subnet) continue;
      // Of another SubnetLen: the one with the same base, so that pods keep gateway and addresses.
      const IpNet resized{subnet->address, config_.of(family)->subnet_len};
      if (subnet->prefix != resized.prefix && config_.of(family)->allows(resized) &&
          !find_holder(others_, resized)) {
        plan.refused.push_back(fmt::format("{} becomes {}, as the network config has it", *subnet, resized));
        return resized;
      }
      const Lease* holder = find_holder(others_, *subnet);
      if (!config_.of(family)->allows(*subnet))
        plan.refused.push_back(fmt::format("{} is not one of the subnets of the network config", *subnet));
      else if (holder)
        plan.refused.push_back(fmt::format("{} is held by the node {} as {}", *subnet,
                                           node_address(holder->attributes), holder->key.str()));
      else
        return subnet;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<IpNet> draw(const FamilyConfig& config, Family family) const {
    const auto free_beside = [&](const std::vector<const Lease*>& others) {
      return free_subnets(config, sorted_intervals(others, request_.avoid, family), request_.candidates);
    };
    auto candidates = free_beside(others_);
    // One lease over the whole network must not keep all new nodes away.
    if (candidates.empty()) candidates = free_beside(without_oversized(others_, config));
    if (candidates.empty()) return std::nullopt;
    return candidates[random_(candidates.size()) % candidates.size()];
  }

  const NetworkConfig& config_;
  std::vector<const Lease*> others_;
  const SubnetRequest& request_;
  const RandomBelow& random_;
  std::vector<LeaseKey> preferred_;
};

}  // namespace

size_t random_below(size_t bound) {
  static std::mt19937_64 engine{std::random_device{}()};
  return std::uniform_int_distribution<size_t>(0, bound - 1)(engine);
}

std::optional<SubnetPlan> choose_subnets(const NetworkConfig& config, const std::vector<Lease>& leases,
                                         const SubnetRequest& request, const RandomBelow& random) {
  SubnetPlan plan;
  const Lease* own = nullptr;
  std::vector<const Lease*> others;
  for (const Lease& lease : leases) {
    if (!is_own(lease, request)) {
      others.push_back(&lease);
    } else if (!fits(lease.key, config)) {
      plan.obsolete.push_back(lease.key);
    } else if (!own || lease.key == request.previous) {  // of several, the one that pods live in
      own = &lease;
    }
  }
  if (own) {
    plan.key = own->key;
    plan.origin = SubnetOrigin::own_lease;
    plan.reserved = !own->expiry;
    return plan;
  }
  SubnetChooser chooser(config, std::move(others), request, random);
  if (request.previous) chooser.prefer(*request.previous);
  for (const LeaseKey& key : plan.obsolete) chooser.prefer(key);
  if (!chooser.fill(plan)) return std::nullopt;
  return plan;
}

}  // namespace flanneld
