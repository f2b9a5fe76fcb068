#include "flanneld/traffic/iptables_nft.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_transaction.h"
#include "flanneld/traffic/nft_rule.h"

namespace flanneld {
namespace {

using netfilter::NftRule;
using netfilter::NftRuleInfo;

std::vector<uint64_t> jumps_to(const std::vector<NftRuleInfo>& rules, const std::string& chain) {
  std::vector<uint64_t> handles;
  for (const NftRuleInfo& rule : rules)
    if (rule.target == chain) handles.push_back(rule.handle);
  return handles;
}

/// Byte counters change, so the rules are not compared as a whole.
bool is_as_planned(const std::vector<NftRuleInfo>& rules, const TrafficPlan& plan) {
  return rules.size() == plan.forward.size() &&
         std::all_of(rules.begin(), rules.end(), [&](const NftRuleInfo& rule) {
           return rule.comment == kForwardComment && rule.verdict == netfilter::NftVerdict::accept &&
                  rule.names_network(plan.network);
         });
}

}  // namespace

bool remove_iptables_nft_chain(netlink::NetlinkSocket& socket, base::Family family,
                               const IptablesPlace& place) {
  const netfilter::NftTable table = iptables_nft_table(family, place.table);
  if (!find_nft_chain(socket, table, place.chain)) return false;
  netfilter::NftTransaction transaction(table);
  for (const uint64_t handle : jumps_to(nft_rules(socket, table, place.built_in), place.chain))
    transaction.delete_rule(place.built_in, handle);
  transaction.flush_chain(place.chain);
  transaction.delete_chain(place.chain);
  return transaction.commit(socket, fmt::format("remove chain {} of table {}", base::quoted(place.chain),
                                                base::quoted(table.str())));
}

bool ensure_iptables_nft_forward(netlink::NetlinkSocket& socket, const TrafficPlan& plan) {
  const netfilter::NftTable filter = iptables_nft_table(plan.family, "filter");
  const auto jumps = jumps_to(nft_rules(socket, filter, "FORWARD"), kIptablesForwardChain);
  netfilter::NftTransaction transaction(filter);
  if (!is_as_planned(nft_rules(socket, filter, kIptablesForwardChain), plan)) {
    transaction.ensure_chain(kIptablesForwardChain);
    transaction.flush_chain(kIptablesForwardChain);
    for (const TrafficRule& rule : plan.forward)
      transaction.add_rule(kIptablesForwardChain, make_nft_rule(rule, plan.family, {.counted = true}),
                           kForwardComment);
  }
  if (jumps.size() != 1) {
    for (const uint64_t handle : jumps) transaction.delete_rule("FORWARD", handle);
    transaction.add_rule("FORWARD", NftRule(filter.family).counter().jump(kIptablesForwardChain),
                         kForwardComment);
  }
  if (transaction.empty()) return false;
  return transaction.commit(socket,
                            fmt::format("accept pods' packets in table {}", base::quoted(filter.str())));
}

}  // namespace flanneld
