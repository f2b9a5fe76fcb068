// How packets get from node to node. A backend decides and does not act: it says what the node's lease
// publishes and which kernel objects there should be. It knows no store and never looks at the kernel: what
// it has to know of the node is given to it as data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/backend/device.h"
#include "flanneld/backend/plan.h"
#include "flanneld/lease/lease.h"
#include "flanneld/lease/network_config.h"
#include "flanneld/node/external_interface.h"

namespace flanneld {

/// The kernel receives peers' packets for `device`: those to a UDP port, or IPv4 in IPv4.
struct TunnelPort {
  base::Family family = base::Family::v4;  ///< of the packets inside and outside
  std::string device;
  uint16_t port = 0;           ///< UDP; 0: protocol 4, IPv4 in IPv4
  bool knows_senders = false;  ///< the device itself drops what is not from a peer, wherever that is
  bool operator==(const TunnelPort&) const = default;
};

/// Packets of pods that this program itself carries between a TUN device and the other nodes, over IPv4.
struct PacketTunnel {
  std::string device;
  base::IpAddress local;  ///< of this node: what it sends from and receives at
  uint16_t port = 0;      ///< UDP, of all nodes
  base::IpNet network;    ///< of all pods
  bool operator==(const PacketTunnel&) const = default;
};

/// Programs of the operator's that are run for each peer; empty: none.
struct PeerCommands {
  std::string add, remove;
  bool operator==(const PeerCommands&) const = default;
  [[nodiscard]] bool empty() const { return add.empty() && remove.empty(); }
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
  /// Whether the peer publishes that it is reached this way; its data may be unusable nevertheless.
  [[nodiscard]] virtual bool serves(const Lease& peer) const {
    return peer.attributes.backend_type == attributes().backend_type;
  }
  /// Throws base::ParseError when the lease is of another backend or its data are unusable.
  [[nodiscard]] virtual PeerPlan peer_plan(const Lease& peer) const = 0;
  /// Pods are kept from sending to these ports. None without a tunnel.
  [[nodiscard]] virtual std::vector<TunnelPort> tunnel_ports() const { return {}; }
  /// nullopt: the kernel carries the packets.
  [[nodiscard]] virtual std::optional<PacketTunnel> packet_tunnel() const { return std::nullopt; }
  /// What the node runs once it has its lease; nullopt: nothing.
  [[nodiscard]] virtual std::optional<PlannedCommand> command_after_lease(const LeaseKey& /*own*/) const {
    return std::nullopt;
  }
  [[nodiscard]] virtual PeerCommands peer_commands() const { return {}; }
  /// What an operator should know of the choice of this backend for this configuration.
  [[nodiscard]] virtual std::vector<std::string> hints() const { return {}; }
};

/// A route of the node through its external interface.
struct HostRoute {
  base::IpNet dst;
  bool has_gateway = false;
  auto operator<=>(const HostRoute&) const = default;
};

/// What a backend is made from.
struct BackendContext {
  const NetworkConfig& config;
  const ExternalInterface& external;
  std::vector<Device> devices;     ///< those of flannel that the node has now
  std::vector<HostRoute> routes;   ///< they tell which peers are directly connected
  LeaseAttributes published = {};  ///< what the node has published before; empty: not known
  std::optional<netlink::WireguardKey> wireguard_key =
      {};                                          ///< the node's private one; nullopt: it needs none
  std::optional<std::string> startup_output = {};  ///< of command_before_lease(); nullopt: there is none
};

}  // namespace flanneld
