// What `flanneld doctor` says of the agent, and of the servers that hold the leases.
#pragma once

#include <optional>
#include <vector>

#include "common/json/json.h"
#include "flanneld/commands/doctor_report.h"
#include "flanneld/options/options.h"

namespace flanneld {

/// Whether the servers of the options' store accept connections, and with Kubernetes whether clocks agree.
/// Nothing for a lease directory.
std::vector<Finding> check_servers(const Options& options);

/// Whether the agent answers, is ready, and what it has to complain of. `agent`: the status of the one that
/// answers at the address of these options; nullopt: none does.
std::vector<Finding> check_agent(const Options& options, const std::optional<json::Value>& agent);

}  // namespace flanneld
