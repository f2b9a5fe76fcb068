// Ports that a bridge lost because somebody removed it while containers ran.
#pragma once

#include <string>
#include <vector>

#include "cni-flannel/bridge/conf.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace flannel {

/// The host's ends of the network's attachments that are ports of no bridge.
std::vector<netlink::Link> find_lost_ports(netlink::NetlinkSocket& host, const std::string& network);

/// Makes them ports of `bridge` with the options of `conf`. False if the kernel refuses one of them; one that
/// has gone meanwhile does not count.
bool take_back_ports(netlink::NetlinkSocket& host, const BridgeConf& conf, const netlink::Link& bridge,
                     const std::vector<netlink::Link>& ports);

}  // namespace flannel
