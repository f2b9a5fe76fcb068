// The tables of iptables' nf_tables variant (`ip filter`, `ip nat`, …), read and changed over netlink: no
// program is needed, and `iptables` shows the rules as its own.
#pragma once

#include <string>
#include <vector>

#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_rule.h"
#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {

/// "ip nat", "ip6 filter".
netfilter::NftTable iptables_nft_table(base::Family family, const char* name);

/// Removes one of flannel's chains and all jumps to it; false if it was not there.
bool remove_iptables_nft_chain(netlink::NetlinkSocket& socket, base::Family family,
                               const IptablesPlace& place);

/// Puts the plan's forward rules where upstream has them, at the end of FORWARD; false if they were there.
bool ensure_iptables_nft_forward(netlink::NetlinkSocket& socket, const TrafficPlan& plan);

/// A rule of the plan as nf_tables has it.
netfilter::NftRule make_nft_rule(const TrafficRule& rule, base::Family family, bool fully_random,
                                 bool counted = false);

}  // namespace flanneld
