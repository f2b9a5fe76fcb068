#include "flanneld/traffic/iptables_nft.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_transaction.h"
#include "flanneld/traffic/flannel_table.h"
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

bool remove_chain(netlink::NetlinkSocket& socket, const netfilter::NftTable& table,
                  const IptablesPlace& place, const std::string& chain) {
  if (!find_nft_chain(socket, table, chain)) return false;
  netfilter::NftTransaction transaction(table);
  for (const uint64_t handle : jumps_to(nft_rules(socket, table, place.built_in), chain))
    transaction.delete_rule(place.built_in, handle);
  transaction.flush_chain(chain);
  transaction.delete_chain(chain);
  return transaction.commit(
      socket, fmt::format("remove chain {} of table {}", base::quoted(chain), base::quoted(table.str())));
}

}  // namespace

bool remove_iptables_nft_chains(netlink::NetlinkSocket& socket, base::Family family,
                                const IptablesPlace& place, const RuleOwner& owner) {
  const netfilter::NftTable table = iptables_nft_table(family, place.table);
  const bool had_suffix = !owner.suffix.empty() &&
                          remove_chain(socket, table, place, fmt::format("{}{}", place.chain, owner.suffix));
  if (are_of_another(nft_rules(socket, table, place.chain), owner)) return had_suffix;
  return remove_chain(socket, table, place, place.chain) || had_suffix;
}

bool ensure_iptables_nft_forward(netlink::NetlinkSocket& socket, const TrafficPlan& plan) {
  const netfilter::NftTable filter = iptables_nft_table(plan.family, "filter");
  const bool is_shared = are_of_another(nft_rules(socket, filter, kIptablesForwardChain), plan.owner);
  const std::string chain = fmt::format("{}{}", kIptablesForwardChain, is_shared ? plan.owner.suffix : "");
  const auto jumps = jumps_to(nft_rules(socket, filter, "FORWARD"), chain);
  netfilter::NftTransaction transaction(filter);
  if (!is_as_planned(nft_rules(socket, filter, chain), plan)) {
    transaction.ensure_chain(chain);
    transaction.flush_chain(chain);
    for (const TrafficRule& rule : plan.forward)
      transaction.add_rule(chain, make_nft_rule(rule, plan.family, {.counted = true}), kForwardComment);
  }
  if (jumps.size() != 1) {
    for (const uint64_t handle : jumps) transaction.delete_rule("FORWARD", handle);
    transaction.add_rule("FORWARD", NftRule(filter.family).counter().jump(chain), kForwardComment);
  }
  if (transaction.empty()) return false;
  return transaction.commit(socket,
                            fmt::format("accept pods' packets in table {}", base::quoted(filter.str())));
}

}  // namespace flanneld
