// Nodes of one Ethernet segment route to each other, without a tunnel.
#pragma once

#include <memory>

#include "flanneld/backend/backend.h"

namespace flanneld {

/// Throws base::ParseError when a public address is not the interface's own: behind a NAT no peer could
/// use this node as its gateway.
std::unique_ptr<Backend> make_host_gw_backend(const BackendContext& context);

}  // namespace flanneld
