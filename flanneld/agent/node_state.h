// What the agent knows, as data that its parts share: each fills in its own members and reads the others'.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/backend/backend.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/kernel/node_facts.h"
#include "flanneld/lease/lease.h"
#include "flanneld/lease/network_config.h"
#include "flanneld/node/external_interface.h"
#include "flanneld/options/options.h"
#include "flanneld/peers/peer_set.h"
#include "flanneld/store/lease_store.h"
#include "flanneld/traffic/traffic_rules.h"

namespace flanneld {

/// Since the start.
struct AgentCounters {
  uint64_t lists = 0;        ///< complete lists of leases taken from the store
  uint64_t changes = 0;      ///< lease changes taken from its watch
  uint64_t skipped = 0;      ///< entries of the store that could not be read
  uint64_t disconnects = 0;  ///< times that the store went away
  uint64_t renewals = 0;     ///< of the own lease
  uint64_t claims = 0;       ///< of the own lease, the first included
};

/// What is wrong although the agent works; nullopt: nothing.
struct AgentProblems {
  std::optional<std::string> store;      ///< it does not answer
  std::optional<std::string> config;     ///< the store's configuration is another one, or cannot be used
  std::optional<std::string> interface;  ///< no external interface serves
  std::optional<std::string> contest;    ///< another node writes to the own lease
  EventLoop::Clock::time_point contested_at{};
  std::vector<std::string> hints;        ///< of the backend
  std::optional<std::string> collision;  ///< the pod network, or the own subnet, is the node's own already
};
/// A contest that has not been seen for so long is over: by then both nodes would have claimed again.
inline constexpr std::chrono::minutes kContestLimit{21};

/// What the node has beside flannel.
struct HostLook {
  std::vector<HostRoute> routes;         ///< through the external interface
  std::vector<OwnNetwork> own_networks;  ///< those that overlap the pod network
  std::vector<std::string> uplinks;      ///< where packets to the node's addresses come in; empty: anywhere
  PodBridge pod_bridge;
  bool operator==(const HostLook&) const = default;
};

struct NodeState {
  std::string config_text;
  std::vector<std::string> earlier_configs;  ///< as text, the latest first
  std::optional<NetworkConfig> config;
  NodeRead node;  ///< what the store knows of this node; empty: nothing
  std::optional<ExternalInterface> external;
  HostLook host;
  std::shared_ptr<const Backend> backend;
  std::optional<LeaseKey> previous;  ///< the subnets that the node had before; nullopt: none are known
  std::vector<base::IpNet> former;   ///< networks of earlier configurations that may have left something
  std::optional<Lease> own;
  PeerSet peers;
  std::string cluster;  ///< the ID of the store's cluster; empty: unknown
  AgentCounters counters;
  AgentProblems problems;
};

/// The pod networks of the configuration. There must be one.
std::vector<base::IpNet> pod_networks(const NodeState& state);
/// Why the own subnet cannot be used beside the networks that the node has; nullopt: it can.
std::optional<std::string> find_own_collision(const NodeState& state);
/// The subnets of the node's own pods; none without a lease.
std::vector<base::IpNet> own_subnets(const NodeState& state);
/// Where this node should be given no subnet.
std::vector<base::IpNet> networks_to_avoid(const NodeState& state);
/// The networks that nodes may be in beside this one.
std::vector<base::IpNet> networks_on_link(const NodeState& state);
/// Which of the node's own networks lie in the pod network; nullopt: none.
std::optional<std::string> describe_collisions(const NodeState& state);

/// Peers may have the subnet lengths of other configurations, past or to come. What is none is passed over.
void take_lengths_of(const std::vector<std::string>& texts, NetworkConfig& config);

/// What the node needs in the kernel, for the lease that it has. There must be a backend.
NodePlan node_plan(const NodeState& state, const Options& options);
/// Where tunnel packets of the peers that are used come from.
std::vector<base::IpAddress> tunnel_senders(const NodeState& state);
/// What these changes make of them.
NodeChange change_of_senders(const PlanChanges& changes);
/// The families that the agent masquerades: by the cluster's configuration, or else by the node's flag.
Families masqueraded(const NetworkConfig& config, const Options& options);
/// What the packet filter is to do. There must be a backend and a lease.
TrafficSpec traffic_spec(const NodeState& state, const Options& options);

}  // namespace flanneld
