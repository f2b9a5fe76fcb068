// The tables of iptables' nf_tables variant (`ip filter`, `ip nat`, …), read and changed over netlink: this
// starts no program, and `iptables` shows the rules as its own.
#pragma once

#include "common/netlink/socket.h"
#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {

// Both throw NetlinkError.

/// Removes the owner's chains of a place, under both names, and all jumps to them. False if there were none.
bool remove_iptables_nft_chains(netlink::NetlinkSocket& socket, base::Family family,
                                const IptablesPlace& place, const RuleOwner& owner);

/// Puts the plan's forward rules where upstream has them, at the end of FORWARD. False if they were there.
bool ensure_iptables_nft_forward(netlink::NetlinkSocket& socket, const TrafficPlan& plan);

}  // namespace flanneld
