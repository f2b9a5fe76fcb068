// What `flanneld doctor` says of the servers that hold the leases.
#pragma once

#include <vector>

#include "flanneld/commands/doctor_report.h"
#include "flanneld/options/options.h"

namespace flanneld {

/// Whether the servers of the options' store accept connections. Nothing for a lease directory.
std::vector<Finding> check_servers(const Options& options);

}  // namespace flanneld
