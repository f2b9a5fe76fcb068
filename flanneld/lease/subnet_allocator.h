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

/// Who asks.
struct SubnetWish {
  base::IpAddress public_ip;                   ///< 0.0.0.0: none, then public_ipv6 tells whose a lease is
  std::optional<base::IpAddress> public_ipv6;  ///< as it will be published
  std::optional<LeaseKey> previous;            ///< what the subnet file holds
  /// What tells this node from others whatever its address is; nullopt when the backend has no such data.
  std::optional<LeaseAttributes> identity = {};
};

enum class SubnetOrigin {
  own_lease,  ///< the store still has this node's lease: take it over
  kept,       ///< the store has none, but all subnets are those that the node had
  fresh,      ///< at least one subnet is new to this node
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

/// In this order: the own lease in `leases`, known by its public address or its identity; the subnets of the
/// subnet file or of an own lease that does not fit any more, each family for itself; one of the first 100
/// free ones by `random`. `leases` is all that the store lists. nullopt: out of subnets.
std::optional<SubnetPlan> choose_subnets(const NetworkConfig& config, const std::vector<Lease>& leases,
                                         const SubnetWish& wish, const RandomBelow& random);

}  // namespace flanneld
