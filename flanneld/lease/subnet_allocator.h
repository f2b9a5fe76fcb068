// Which subnets a node should claim. Pure: works on a list of leases and claims nothing itself.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/lease/lease.h"
#include "flanneld/lease/network_config.h"

namespace flanneld {

/// As upstream: the pod network is filled from its beginning.
inline constexpr size_t kFewestCandidates = 100;
/// Where many ask at once: all free ones of a network of usual size.
inline constexpr size_t kMostCandidates = 1 << 16;

/// The node that asks for subnets.
struct SubnetRequest {
  LeaseAttributes attributes;        ///< as they will be published
  std::optional<LeaseKey> previous;  ///< the subnets that the node had last
  /// What this node itself published under `previous`; nullopt: it has published nothing yet.
  std::optional<LeaseAttributes> published = {};
  /// Networks of the node's own: no fresh subnet is drawn that overlaps one.
  std::vector<base::IpNet> avoid = {};
  /// A fresh subnet is one of so many free ones: of more where others ask at the same time.
  size_t candidates = kFewestCandidates;
};

enum class SubnetOrigin {
  own_lease,  ///< the store still has this node's lease: take it over
  kept,       ///< the store has none, but all subnets are those that the node had
  fresh,      ///< at least one subnet is new to this node
  assigned,   ///< the cluster says which: it was not chosen
};

struct SubnetPlan {
  LeaseKey key;
  SubnetOrigin origin = SubnetOrigin::fresh;
  bool reserved = false;  ///< the own lease never expires and must stay so
  /// Own leases that do not fit the configuration. To be removed before `key` is claimed: Go
  /// flanneld drops a subnet's route on its removal, whatever other key has named it meanwhile.
  std::vector<LeaseKey> obsolete;
  std::vector<std::string> refused;  ///< for the log: each earlier subnet that is given up, and why
};

/// A number below `bound`, which is not 0.
using RandomBelow = std::function<size_t(size_t bound)>;
size_t random_below(size_t bound);

/// Chooses, in this order: the node's own lease in `leases`, known by its public address, by its backend data
/// or by what the node published; the previous subnets, or those of an own lease that does not fit any more,
/// each family for itself; one of the first free ones by `random`. `leases` are all in the store.
/// nullopt: out of subnets.
std::optional<SubnetPlan> choose_subnets(const NetworkConfig& config, const std::vector<Lease>& leases,
                                         const SubnetRequest& request,
                                         const RandomBelow& random = random_below);

}  // namespace flanneld
