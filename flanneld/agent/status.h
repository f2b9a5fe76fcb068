// How the agent stands, as plain data, and the forms in which it is shown: JSON, and metrics for
// Prometheus. Pure: knows neither the agent nor HTTP.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "flanneld/backend/backend.h"
#include "flanneld/kernel/reconciler.h"
#include "flanneld/lease/lease.h"
#include "flanneld/lease/lease_table.h"
#include "flanneld/node/external_interface.h"
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

struct AgentStatus {
  std::string store;                         ///< LeaseStore::describe()
  std::optional<std::string> store_problem;  ///< nullopt: it answers
  std::optional<std::string> not_ready;      ///< what the node waits for; nullopt: pods can be made
  std::vector<std::string> problems;         ///< what does not stop it from working, but should be seen to
  std::string backend;                       ///< its type
  std::optional<ExternalInterface> external;
  std::optional<Lease> own;
  uint32_t mtu = 0;  ///< of the pods' interfaces, bytes; 0: not known yet
  LeaseMap peers;
  PeerPlans plans;                           ///< of those peers that are reached
  std::map<LeaseKey, std::string> rejected;  ///< of the others: why not
  ReconcilerStatus kernel;
  std::optional<TrafficStatus> rules;
  AgentCounters counters;
};

/// Everything, for /status and `flanneld status`.
json::OrderedValue status_json(const AgentStatus& status, std::chrono::sys_seconds now);
/// The own lease and the peers', for /leases.
json::OrderedValue leases_json(const AgentStatus& status, std::chrono::sys_seconds now);
/// Which routes, neighbours and FDB entries the peers need, for /routes.
json::OrderedValue routes_json(const AgentStatus& status);
/// Prometheus' text format 0.0.4, for /metrics.
std::string metrics_text(const AgentStatus& status, std::chrono::sys_seconds now);

}  // namespace flanneld
