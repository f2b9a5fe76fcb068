// `flanneld status --cluster`: who holds which lease, by the store alone.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "flanneld/lease/lease.h"
#include "flanneld/options/options.h"

namespace flanneld {

/// Reads network configuration and leases, and prints them with what is wrong between them. By the flags of
/// the agent that runs here where none are given. Returns 0 when nothing is wrong, 1 when something is, 3
/// when the store does not answer. Changes nothing.
int run_cluster_status(const Options& options);

/// What the leases have against each other and against the configuration, one line each.
std::vector<std::string> find_cluster_problems(const std::vector<Lease>& leases, const NetworkConfig& config);

/// The leases by subnet, one a line.
std::string lease_table(std::vector<Lease> leases, std::chrono::sys_seconds now);

}  // namespace flanneld
