// Flannel's own table of nf_tables: its chains and rules out of a plan. Upstream's names, so that each can
// take over from the other.
#pragma once

#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_transaction.h"
#include "common/netlink/socket.h"
#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {

/// "ip flannel-ipv4" or "ip6 flannel-ipv6".
netfilter::NftTable flannel_table(base::Family family);

/// Replaces the table by one as planned.
netfilter::NftTransaction make_flannel_table(const TrafficPlan& plan, bool fully_random);

/// False if the table cannot be what was written just now, because another program was quicker.
bool is_as_planned(const netfilter::NftTableInfo& table, const TrafficPlan& plan);

/// Removes the table; false if there was none. Throws SystemError.
bool remove_flannel_table(netlink::NetlinkSocket& socket, base::Family family);

}  // namespace flanneld
