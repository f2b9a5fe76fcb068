// The agent's state as plain data for others, and as JSON. Pure: knows neither the agent nor HTTP.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "flanneld/agent/health.h"
#include "flanneld/agent/node_state.h"
#include "flanneld/agent/pod_guard.h"
#include "flanneld/agent/tunnel_status.h"
#include "flanneld/backend/plan.h"
#include "flanneld/kernel/reconciler.h"
#include "flanneld/lease/lease.h"
#include "flanneld/lease/lease_table.h"
#include "flanneld/node/external_interface.h"
#include "flanneld/probe/prober.h"
#include "flanneld/traffic/traffic_rules.h"
#include "flanneld/udp/tunnel.h"

namespace flanneld {

struct AgentStatus {
  std::map<std::string, std::vector<std::string>> flags;  ///< Options::public_flags()
  std::string store;                                      ///< LeaseStore::describe()
  std::optional<std::string> store_problem;               ///< nullopt: it answers
  std::optional<std::string> not_ready;  ///< what the node waits for; nullopt: pods can be made
  Problems problems;                     ///< what does not stop it from working, but should be seen to
  std::string backend;                   ///< its type
  std::optional<std::string> handover;   ///< from the former backend, what is left of it; nullopt: none
  std::optional<ExternalInterface> external;
  std::optional<Lease> own;
  uint32_t mtu = 0;  ///< of the pods' interfaces, bytes; 0: not known yet
  LeaseMap peers;
  PeerPlans plans;                           ///< of those peers that are reached
  std::map<LeaseKey, std::string> kept;      ///< of these: reached as before, and why
  std::map<LeaseKey, std::string> rejected;  ///< of the others: why not
  ReconcilerStatus kernel;
  TunnelStates tunnels;  ///< WireGuard devices, as they are now
  std::optional<TrafficStatus> rules;
  std::optional<UdpCounters> udp;  ///< of packets that this program carries; nullopt: none
  AgentCounters counters;
  ProbeResults probes;
  ProbeCounters probe_counters;
  size_t unusable_entries = 0;  ///< of the store
  uint64_t node_repairs = 0;    ///< times that a setting of the node was put right
  PodPorts pod_ports;

  /// Of kernel objects, packet filter rules and settings of the node.
  [[nodiscard]] uint64_t repairs() const {
    return kernel.repairs + node_repairs + (rules ? rules->restored : 0);
  }
};

/// Everything, for /status and `flanneld status`.
json::OrderedValue status_json(const AgentStatus& status, std::chrono::sys_seconds now);
/// The own lease and the peers', for /leases.
json::OrderedValue leases_json(const AgentStatus& status, std::chrono::sys_seconds now);
/// The peers' leases alone, with what is known of each, for /peers.
json::OrderedValue peers_json(const AgentStatus& status, std::chrono::sys_seconds now);
/// Which routes, neighbours and FDB entries the peers need, for /routes.
json::OrderedValue routes_json(const AgentStatus& status);

}  // namespace flanneld
