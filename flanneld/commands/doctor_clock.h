// What `flanneld doctor` finds out about time, where the leases are Kubernetes': clocks that differ, and a
// service account's token whose time has not come or is over.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "flanneld/commands/doctor_report.h"

namespace flanneld {

/// The token's own times are compared with `now`; nothing is verified. nullopt: nothing is wrong, or the text
/// is no token that tells of times (RFC 7519).
std::optional<Finding> check_token_time(const std::string& token, std::chrono::sys_seconds now);

/// Whether this machine's clock and that of the API server, as its answer had it, agree.
Finding check_clock(std::chrono::sys_seconds server, std::chrono::sys_seconds now);

}  // namespace flanneld
