// The file that tells the plugin about this node, as the agent uses it: written last of all at start, and
// read back at the next start for the subnet that the node had. Its form is common/flannel/subnet_env.h's.
#pragma once

#include <optional>
#include <string>

#include "common/flannel/subnet_env.h"
#include "flanneld/lease/lease.h"

namespace flanneld {

/// The subnets that the file at `path` names; nullopt when there is no such file.
/// Throws base::ParseError when it cannot be understood, SystemError when it cannot be read.
std::optional<LeaseKey> read_previous_lease(const std::string& path);

/// What the plugin must know of a node that holds `own`.
flannel::SubnetEnv make_subnet_env(const NetworkConfig& config, const LeaseKey& own, uint32_t mtu,
                                   bool ip_masq);

/// Writes the file unless it holds just that, for a reader to see it whole or not at all; its
/// directory is made if absent. False when there was nothing to do.
bool write_subnet_file(const std::string& path, const flannel::SubnetEnv& env);

}  // namespace flanneld
