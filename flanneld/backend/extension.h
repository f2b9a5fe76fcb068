// The backend `extension`: programs of the operator carry the packets, or tell something else to. What this
// program does is to run them, at the times that Go flanneld runs them.
#pragma once

#include <optional>
#include <string>

#include "flanneld/backend/plan.h"
#include "flanneld/lease/network_config.h"

namespace flanneld {

/// What the node runs before it has a lease: the output is what the lease then publishes, as
/// BackendContext::startup_output. nullopt: nothing, or another backend. Throws base::ParseError.
std::optional<PlannedCommand> command_before_lease(const NetworkConfig& config);

}  // namespace flanneld
