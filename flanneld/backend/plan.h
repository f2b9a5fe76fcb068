// Kernel objects as data. A link is named, not numbered: its index changes when it is made again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "flanneld/backend/device.h"
#include "flanneld/lease/lease.h"

namespace flanneld {

struct PlannedRoute {
  base::IpNet dst;
  std::optional<base::IpAddress> gw = {};
  std::string link;
  bool onlink = false;  ///< the gateway needs no route of its own
  auto operator<=>(const PlannedRoute&) const = default;
};

/// A permanent entry of the ARP table or of the IPv6 neighbour table.
struct PlannedNeighbour {
  std::string link;
  base::IpAddress address;
  base::MacAddress mac;
  bool operator==(const PlannedNeighbour&) const = default;
};

/// Tells a device to which node it sends frames for `mac`.
struct PlannedFdbEntry {
  std::string link;
  base::MacAddress mac;
  base::IpAddress dst;
  bool operator==(const PlannedFdbEntry&) const = default;
};

/// What one peer's lease needs.
struct PeerPlan {
  std::vector<PlannedRoute> routes;
  std::vector<PlannedNeighbour> neighbours;
  std::vector<PlannedFdbEntry> fdb;
  std::vector<base::IpAddress> senders = {};  ///< where its packets of the tunnel come from; without one none
  bool operator==(const PeerPlan&) const = default;
};

/// A plan is made once and then shared.
struct PlannedPeer {
  std::shared_ptr<const PeerPlan> plan;
  /// Counts up. One node may have two leases for a while: an object that both need has the values of the
  /// lease that was published later.
  uint64_t published = 0;
};
using PeerPlans = std::map<LeaseKey, PlannedPeer>;

/// What this node needs, whatever peers it has.
struct NodePlan {
  std::vector<Device> devices;
  std::vector<std::string>
      route_links;                    ///< links that the backend's routes lead through, its devices included
  std::vector<base::IpNet> networks;  ///< the cluster's networks: every peer's route lies within one
  std::vector<base::IpNet> own_subnets;  ///< of the node's own pods; empty before there is a lease
  std::vector<base::IpNet> former;       ///< networks of this agent's earlier configurations
  /// Peers' routes lead to their public addresses, as upstream's did, which have no mark.
  bool has_plain_routes = false;
  std::string owner;  ///< the alias of this agent's devices: several agents may share a node; empty: none
  std::vector<base::IpNet> blackholes;  ///< own subnets whose packets are dropped where no bridge has them
};

}  // namespace flanneld
