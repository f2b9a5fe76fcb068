// The plugin's calls as metrics for Prometheus. Pure.
#pragma once

#include <optional>
#include <string>

#include "common/flannel/call_counters.h"

namespace flanneld {

/// Histograms of what ADD and DEL took, and counters of how they failed, in Prometheus' text format. Empty
/// when none was counted.
std::string call_metrics(const std::optional<flannel::CallCounts>& add,
                         const std::optional<flannel::CallCounts>& del);

}  // namespace flanneld
