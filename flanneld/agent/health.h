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

/// What does not keep the node from working, and should be seen to.
struct Problems {
  std::vector<std::string> own;        ///< of this node
  std::vector<std::string> elsewhere;  ///< of other nodes, or of what they and others put into the store
};

struct Health {
  std::optional<std::string> not_ready;  ///< what the node waits for; nullopt: pods can be made
  Problems problems;
};

/// Whether trouble with so many of the peers tells of this node rather than of them: it has it with most. Of
/// two nodes neither can know whose trouble it is, and takes it for its own.
constexpr bool is_with_most(size_t troubled, size_t peers) { return troubled * 2 > peers; }

/// What the store has and nobody can use, for people.
void add_skipped(const PassedOver& skipped, Problems& problems);

/// `rules` is null before there are any.
std::optional<std::string> find_not_ready(const Readiness& readiness, const ReconcilerStatus& kernel,
                                          const TrafficStatus* rules);
Problems find_problems(const NodeState& state, const Readiness& readiness, const SavedLeases& saved,
                       const ReconcilerStatus& kernel, const TrafficStatus* rules);

}  // namespace flanneld
