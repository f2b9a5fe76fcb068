// Flannel's own table of nf_tables: its chains and rules out of a plan. Upstream's names, so that each can
// take over from the other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_transaction.h"
#include "common/netlink/socket.h"
#include "flanneld/traffic/node_set.h"
#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {

/// "ip flannel-ipv4" or "ip6 flannel-ipv6", and the suffix.
netfilter::NftTable flannel_table(base::Family family, const std::string& suffix = {});
/// True for such a name, whoever's.
bool is_flannel_table(std::string_view name);

/// True if rules speak of networks, and of none of the owner's.
bool are_of_another(const std::vector<netfilter::NftRuleInfo>& rules, const RuleOwner& owner);
/// The suffix that the owner's table of a family has: none unless another's rules are in upstream's table.
/// Throws NetlinkError.
std::string choose_suffix(netlink::NetlinkSocket& socket, base::Family family, const RuleOwner& owner);

/// Replaces the table by one as planned.
netfilter::NftTransaction make_flannel_table(const TrafficPlan& plan, const std::string& suffix,
                                             bool fully_random, const NodeSet& nodes);

/// False if the table cannot be what was written just now, because another program was quicker.
bool is_as_planned(const netfilter::NftTableInfo& table, const TrafficPlan& plan);

/// Removes the table; false if there was none. Throws SystemError.
bool remove_flannel_table(netlink::NetlinkSocket& socket, base::Family family, const std::string& suffix);
/// Removes the owner's tables, under both names; false if there was none. Throws SystemError.
bool remove_flannel_tables(netlink::NetlinkSocket& socket, base::Family family, const RuleOwner& owner);

}  // namespace flanneld
