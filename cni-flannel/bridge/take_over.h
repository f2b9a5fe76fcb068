// What an ADD does only once with a bridge, whoever made it. The bridge's alias says that it is done.
#pragma once

#include <string>

#include "cni-flannel/bridge/conf.h"
#include "common/netlink/bridge.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace flannel {

/// Whether take_over() has nothing to do.
bool is_taken_over(const netlink::Link& bridge);

/// Whether the bridge is there for containers alone, so that its MTU may be changed while there are none.
bool is_own_bridge(const netlink::Link& bridge);

/// Fixes the bridge's hardware address. Makes those ends of the network's containers ports of it again that
/// an earlier bridge lost when somebody removed it; a new bridge gets their MTU. Then marks the bridge; one
/// that has an alias of an administrator's keeps that, and is never found to be taken over. Returns the
/// bridge as it is then.
netlink::Link take_over(netlink::NetlinkSocket& host, const BridgeConf& conf, const std::string& network,
                        netlink::EnsuredBridge bridge);

}  // namespace flannel
