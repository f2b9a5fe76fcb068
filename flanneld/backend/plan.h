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
#include "common/netlink/wireguard_state.h"
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

/// A peer of a WireGuard device.
struct PlannedTunnelPeer {
  std::string link;
  netlink::WireguardKey public_key{};
  netlink::WireguardEndpoint endpoint;  ///< where it is at first: it may roam
  std::vector<base::IpNet> allowed;     ///< its subnets
  bool operator==(const PlannedTunnelPeer&) const = default;
};

/// Where the agent itself sends packets to.
struct PlannedRemote {
  base::IpNet subnet;
  base::IpAddress address;
  bool operator==(const PlannedRemote&) const = default;
};

/// What programs that carry the packets are told of a peer.
struct PlannedNotice {
  base::IpNet subnet;
  base::IpAddress address;
  std::string data;  ///< what the peer publishes for them
  bool operator==(const PlannedNotice&) const = default;
};

/// A program of the operator's, as the configuration has it: see flanneld/io/command_line.h.
struct PlannedCommand {
  std::string text;
  std::vector<std::string> variables;  ///< "NAME=value", beside those of this process
  std::string input = {};              ///< what it reads, without the newline that ends it
  bool operator==(const PlannedCommand&) const = default;
};

/// What one peer's lease needs.
struct PeerPlan {
  std::vector<PlannedRoute> routes;
  std::vector<PlannedNeighbour> neighbours;
  std::vector<PlannedFdbEntry> fdb;
  std::vector<PlannedTunnelPeer> tunnel_peers = {};
  std::vector<base::IpAddress> senders = {};  ///< where its packets of the tunnel come from; without one none
  std::vector<PlannedRemote> remotes = {};    ///< of a backend with a packet_tunnel()
  std::optional<PlannedNotice> notice = {};   ///< of a backend with peer_commands()
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

/// What has become of the plan of one lease. Null: it had, or has, none.
struct PlanChange {
  std::shared_ptr<const PeerPlan> before;
  PlannedPeer now;
};
using PlanChanges = std::vector<PlanChange>;

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
  std::vector<PlannedRoute> routes = {};  ///< beside the peers' ones
  /// Where packets are dropped for which there is no better route: own subnets, until a bridge has them, and
  /// networks whose packets must not leave unencrypted.
  std::vector<base::IpNet> blackholes;
  /// Links of the node that have networks or addresses within the cluster's networks, but for its own pods'.
  std::vector<std::string> foreign_links = {};
};

}  // namespace flanneld
