// How the ports of a bridge stand, for those who watch them. Changes nothing.
#pragma once

#include <cstddef>
#include <vector>

#include "common/guard/frame.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace guard {

/// The ports of a bridge that have a pod behind them.
std::vector<netlink::Link> pod_ports(netlink::NetlinkSocket& host, int bridge);

/// How many of `ports` have their sources checked.
size_t count_guarded(const Elements& elements, const std::vector<netlink::Link>& ports);

/// What was taken from those of `ports` that are still there: only what is missing.
std::vector<Port> find_lost(const Elements& before, const Elements& now,
                            const std::vector<netlink::Link>& ports);

}  // namespace guard
