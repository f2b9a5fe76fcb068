// All backends. A new one is declared here, and has its row in registry.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "flanneld/backend/backend.h"

namespace flanneld {

/// The backend that the configuration names. Throws base::ParseError for an unknown one, and for options
/// of a wrong type or range.
std::unique_ptr<Backend> make_backend(const BackendContext& context);

/// Whether a node that changes from this type to another can go on with it until its peers have changed too.
bool serves_beside_another(std::string_view type);

/// How many bytes a device adds to each packet, if a backend made it; nullopt for every other link. `kind` is
/// what the kernel calls the kind of the link.
std::optional<uint32_t> find_device_overhead(std::string_view kind, std::string_view name);

/// VXLAN: a device per family, and for each peer a route, a neighbour entry and a forwarding entry. All three
/// are permanent: nothing is asked for, nothing is flooded.
std::unique_ptr<Backend> make_vxlan_backend(const BackendContext& context);
/// Routes without a tunnel, between nodes of one Ethernet segment. Throws base::ParseError when a public
/// address is not the interface's own: no peer could use this node as its gateway.
std::unique_ptr<Backend> make_host_gw_backend(const BackendContext& context);
/// WireGuard: a device per family, or one for both, whose peers are the nodes. Packets of the pod network
/// leave the node encrypted or not at all. Throws base::ParseError when `context` has no key.
std::unique_ptr<Backend> make_wireguard_backend(const BackendContext& context);
/// IPv4 packets in IPv4 packets: the least overhead of all tunnels.
std::unique_ptr<Backend> make_ipip_backend(const BackendContext& context);
/// IPv4 packets in datagrams, carried by this program: for nodes whose kernel has no tunnels. Go flanneld's
/// backend when none is named.
std::unique_ptr<Backend> make_udp_backend(const BackendContext& context);
/// Programs of the operator's, which the agent runs, carry the packets.
std::unique_ptr<Backend> make_extension_backend(const BackendContext& context);
/// A subnet and nothing more: something else carries the packets.
std::unique_ptr<Backend> make_alloc_backend(const BackendContext& context);

}  // namespace flanneld
