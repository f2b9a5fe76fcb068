// What all backends do with public addresses: publish the node's own, and read a peer's.
#pragma once

#include <string>
#include <vector>

#include "flanneld/backend/backend.h"

namespace flanneld {

/// The families that the configuration enables.
std::vector<base::Family> families_of(const NetworkConfig& config);

/// The node's public addresses of the enabled families, without backend data.
/// Throws base::ParseError when one is missing.
LeaseAttributes make_attributes(const BackendContext& context, const std::string& backend_type);

/// The address that peers send to, and the one that the interface has itself; nullopt: not known.
const std::optional<base::IpAddress>& public_address(const ExternalInterface& external, base::Family family);
const std::optional<base::IpAddress>& interface_address(const ExternalInterface& external,
                                                        base::Family family);

/// A peer's public address. Throws base::ParseError when its lease has none.
base::IpAddress peer_address(const Lease& peer, base::Family family);

/// Throws base::ParseError unless the peer's lease is of that backend.
void check_backend_type(const Lease& peer, const std::string& backend_type);

}  // namespace flanneld
