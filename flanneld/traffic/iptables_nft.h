// The tables of iptables' nf_tables variant (`ip filter`, `ip nat`, …), read and changed over netlink: this
// starts no program, and `iptables` shows the rules as its own.
#pragma once

#include "common/netlink/socket.h"
#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {

// Both throw NetlinkError.

/// Removes one of flannel's chains and all jumps to it. False if there was no such chain.
bool remove_iptables_nft_chain(netlink::NetlinkSocket& socket, base::Family family,
                               const IptablesPlace& place);

/// Puts the plan's forward rules where upstream has them, at the end of FORWARD. False if they were there.
bool ensure_iptables_nft_forward(netlink::NetlinkSocket& socket, const TrafficPlan& plan);

}  // namespace flanneld
