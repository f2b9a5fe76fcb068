// The agent's side of subnet.env, the file that tells the plugin about this node: it is written as the last
// step of a start, and read at the next start for the subnet that the node had. common/flannel/subnet_env.h
// has its form.
#pragma once

#include <optional>
#include <string>

#include "common/flannel/subnet_env.h"
#include "flanneld/lease/lease.h"

namespace flanneld {

/// The subnets that the file at `path` names; nullopt when there is no such file.
/// Throws base::ParseError when it cannot be understood, SystemError when it cannot be read.
std::optional<LeaseKey> read_previous_lease(const std::string& path);

/// The pod networks that the file names; none if there is no such file. Throws as read_previous_lease().
std::vector<base::IpNet> read_previous_networks(const std::string& path);

/// The content for a node with the lease `own`: what the plugin must know.
flannel::SubnetEnv make_subnet_env(const NetworkConfig& config, const LeaseKey& own, uint32_t mtu,
                                   bool ip_masq);

/// Writes the file, and makes its directory if there is none. A reader sees the old content or the new, never
/// a mix. Returns false when the file had this content already. Throws SystemError.
bool write_subnet_file(const std::string& path, const flannel::SubnetEnv& env);

}  // namespace flanneld
