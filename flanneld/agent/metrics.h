// The agent's state as metrics for Prometheus. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/flannel/pod_addresses.h"
#include "flanneld/agent/status.h"

namespace flanneld {

/// Prometheus' text format 0.0.4, for /metrics. nullopt: the node's leases cannot be read.
std::string metrics_text(const AgentStatus& status, const std::optional<flannel::PodAddresses>& addresses,
                         std::chrono::sys_seconds now);

}  // namespace flanneld
