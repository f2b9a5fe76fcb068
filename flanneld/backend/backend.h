// How packets get from node to node. A backend decides and does not act: it says what to publish and
// which kernel objects there should be; the reconciler makes them so. Knows no store.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "common/netlink/vxlan.h"
#include "flanneld/lease/lease.h"
#include "flanneld/lease/network_config.h"
#include "flanneld/node/external_interface.h"

namespace flanneld {

// Kernel objects as data. A link is named, not numbered: its index changes when it is made anew.

struct PlannedRoute {
  base::IpNet dst;
  std::optional<base::IpAddress> gw;
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

/// Which node a frame to `mac` is sent to.
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
  bool operator==(const PeerPlan&) const = default;
};

/// Made once; whoever works with it shares it.
using PeerPlans = std::map<LeaseKey, std::shared_ptr<const PeerPlan>>;

/// A device of the backend and its address.
struct PlannedDevice {
  netlink::VxlanSpec vxlan;
  std::optional<base::IpNet> address;  ///< nullopt while there is no lease
  base::IpNet network;                 ///< another address within it is a leftover, and is removed
  bool tx_checksum = true;             ///< false: switch checksum offload off at each creation
};

/// What this node itself needs, whoever its peers are.
struct NodePlan {
  std::vector<PlannedDevice> devices;
  std::vector<std::string> route_links;  ///< links on which the backend makes routes, its devices among them
  std::vector<base::IpNet> networks;     ///< the cluster's networks: peers' routes are within
  std::vector<base::IpNet> blackholes;   ///< own subnets to refuse where no bridge has them
};

class Backend {
 public:
  virtual ~Backend() = default;

  /// What the lease publishes about this node.
  [[nodiscard]] virtual LeaseAttributes attributes() const = 0;
  /// Of the pods' interfaces, bytes.
  [[nodiscard]] virtual uint32_t mtu() const = 0;
  /// `own` is null before the node has a lease.
  [[nodiscard]] virtual NodePlan node_plan(const LeaseKey* own) const = 0;
  /// Throws base::ParseError when the lease is of another backend or its data are unusable.
  [[nodiscard]] virtual PeerPlan peer_plan(const Lease& peer) const = 0;
};

/// What a backend must know of this node.
struct BackendContext {
  const NetworkConfig& config;
  const ExternalInterface& external;
  /// The MAC that a device of that name and VNI has now, if there is one: it has been published, so it is
  /// kept.
  std::function<std::optional<base::MacAddress>(const std::string& link, uint32_t vni)> existing_mac;
  /// Whether the kernel reaches an address without a gateway.
  std::function<bool(const base::IpAddress&)> is_directly_connected;
};

/// The backend that the configuration names. Throws base::ParseError for an unknown one, and for options
/// of a wrong type or range. The callbacks of `context` may be kept.
std::unique_ptr<Backend> make_backend(const BackendContext& context);

}  // namespace flanneld
