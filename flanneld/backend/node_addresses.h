// What several backends do with addresses: publish the node's own, read a peer's, and tell whether one is
// directly connected.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flanneld/backend/backend.h"

namespace flanneld {

/// The families that the configuration enables.
std::vector<base::Family> families_of(const NetworkConfig& config);

/// The node's public addresses of the enabled families, without backend data.
/// Throws base::ParseError when one is missing.
LeaseAttributes make_attributes(const BackendContext& context, const std::string& backend_type);

/// The address that peers send to; nullopt: not known.
const std::optional<base::IpAddress>& public_address(const ExternalInterface& external, base::Family family);
/// The address that the interface itself has; nullopt: none.
const std::optional<base::IpAddress>& interface_address(const ExternalInterface& external,
                                                        base::Family family);

/// A peer's public address. Throws base::ParseError when its lease has none.
base::IpAddress peer_address(const Lease& peer, base::Family family);

/// Throws base::ParseError unless the peer's lease is of that backend.
void check_backend_type(const Lease& peer, std::string_view backend_type);

/// What a tunnel adds to each packet.
struct TunnelOverhead {
  std::string_view backend;
  uint32_t overhead = 0;                     ///< bytes
  base::Family underlay = base::Family::v4;  ///< of the addresses that it sends by
  base::Family inner = base::Family::v4;     ///< of the packets in it that need the larger MTU
};
/// What is left of the underlay's MTU, which is `chosen`, or the interface's if that is 0. Throws
/// base::ParseError when it is more than the interface's, or too little for the packets.
uint32_t make_tunnel_mtu(const ExternalInterface& external, uint32_t chosen, const TunnelOverhead& tunnel);

/// True if the most specific of the routes that leads to `address` has no gateway.
bool is_directly_connected(const std::vector<HostRoute>& routes, const base::IpAddress& address);

}  // namespace flanneld
