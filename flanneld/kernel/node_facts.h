// Reads what a backend has to know of the node.
#pragma once

#include <vector>

#include "common/netlink/socket.h"
#include "flanneld/backend/backend.h"

namespace flanneld {

/// Flannel's devices, by their names. Throws NetlinkError.
std::vector<Device> read_devices(netlink::NetlinkSocket& socket);

/// The routes through a link of the main table, in order and without those that flanneld made: they tell
/// which addresses the link reaches without a gateway. Throws NetlinkError.
std::vector<HostRoute> read_host_routes(netlink::NetlinkSocket& socket, int ifindex);

}  // namespace flanneld
