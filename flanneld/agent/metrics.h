// The agent's state as metrics for Prometheus. Pure.
#pragma once

#include <chrono>
#include <string>

#include "flanneld/agent/status.h"

namespace flanneld {

/// Prometheus' text format 0.0.4, for /metrics.
std::string metrics_text(const AgentStatus& status, std::chrono::sys_seconds now);

}  // namespace flanneld
