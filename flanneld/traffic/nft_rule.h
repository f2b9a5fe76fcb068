// The plan's rules and tables in the terms of nf_tables.
#pragma once

#include "common/netfilter/nft_rule.h"
#include "common/netfilter/nft_table.h"
#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {

netfilter::NftFamily nft_family(base::Family family);

/// One of iptables' tables as its nf_tables variant has it: "ip nat", "ip6 filter".
netfilter::NftTable iptables_nft_table(base::Family family, const char* name);

/// A packet's source, in what is looked up in a set.
netfilter::NftField source_field(base::Family family);

struct NftRuleOptions {
  bool fully_random = false;                           ///< masquerade to random ports
  bool counted = false;                                ///< count packets, as iptables does
  std::optional<std::chrono::sys_seconds> until = {};  ///< a drop or a masquerade ends then
};

netfilter::NftRule make_nft_rule(const TrafficRule& rule, base::Family family, NftRuleOptions options);

}  // namespace flanneld
