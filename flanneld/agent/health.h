// Whether pods can be made on the node, and what should be seen to. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "flanneld/agent/node_state.h"
#include "flanneld/agent/readiness.h"
#include "flanneld/agent/saved_leases.h"
#include "flanneld/kernel/reconciler.h"
#include "flanneld/store/skipped_entries.h"
#include "flanneld/traffic/traffic_rules.h"

namespace flanneld {

struct Health {
  std::optional<std::string> not_ready;  ///< what the node waits for; nullopt: pods can be made
  std::vector<std::string> problems;     ///< what does not keep it from working
};

/// What the store has and nobody can use, for people.
void add_skipped(const PassedOver& skipped, std::vector<std::string>& problems);

/// `rules` is null before there are any.
std::optional<std::string> find_not_ready(const Readiness& readiness, const ReconcilerStatus& kernel,
                                          const TrafficStatus* rules);
std::vector<std::string> find_problems(const NodeState& state, const Readiness& readiness,
                                       const SavedLeases& saved, const ReconcilerStatus& kernel,
                                       const TrafficStatus* rules);

}  // namespace flanneld
