#include "flanneld/traffic/flannel_table.h"

#include <algorithm>
#include <vector>

#include "common/base/text.h"
#include "flanneld/traffic/nft_rule.h"

namespace flanneld {

using base::Family;
using netfilter::NftTableInfo;
using netfilter::NftTransaction;

namespace {

constexpr int32_t kSourceNatPriority = 100;  // NF_IP_PRI_NAT_SRC
constexpr int32_t kFilterPriority = 0;       // NF_IP_PRI_FILTER
constexpr int32_t kRawPriority = -300;       // NF_IP_PRI_RAW: before a connection is looked for

/// A chain of our table and the rules that it should have.
struct PlannedChain {
  const char* name;
  netfilter::NftHook hook;
  const char* comment;
  const std::vector<TrafficRule>* rules;
  const char* rule_comment;
};

/// The chains that have rules. The first two are upstream's.
std::vector<PlannedChain> planned_chains(const TrafficPlan& plan) {
  using netfilter::NftHookPoint;
  const auto filter = [](NftHookPoint point) {
    return netfilter::NftHook{.type = "filter", .point = point, .priority = kFilterPriority};
  };
  std::vector<PlannedChain> chains{
      {.name = "postrtg",
       .hook = {.type = "nat", .point = NftHookPoint::postrouting, .priority = kSourceNatPriority},
       .comment = "chain to manage traffic masquerading by flannel",
       .rules = &plan.nat,
       .rule_comment = kMasqueradeComment},
      {.name = "forward",
       .hook = filter(NftHookPoint::forward),
       .comment = "chain to accept flannel traffic",
       .rules = &plan.forward,
       .rule_comment = kForwardComment},
      {.name = "sources",
       .hook = {.type = "filter", .point = NftHookPoint::prerouting, .priority = kRawPriority},
       .comment = "chain to drop what comes in with an address that it cannot have",
       .rules = &plan.sources,
       .rule_comment = kSourceComment},
      {.name = "tunnel-input",
       .hook = filter(NftHookPoint::input),
       .comment = "chain to drop tunnel packets that pods forge",
       .rules = &plan.tunnel_input,
       .rule_comment = kTunnelComment},
      {.name = "tunnel-forward",
       .hook = filter(NftHookPoint::forward),
       .comment = "chain to drop tunnel packets that pods forge",
       .rules = &plan.tunnel_forward,
       .rule_comment = kTunnelComment}};
  std::erase_if(chains, [](const PlannedChain& chain) { return chain.rules->empty(); });
  return chains;
}

/// Everybody's rules speak of it.
bool is_loopback(const netfilter::NftTest& test) { return test.value.starts_with('\x7f'); }

}  // namespace

netfilter::NftTable flannel_table(Family family, const std::string& suffix) {
  return {.family = nft_family(family),
          .name = fmt::format("{}{}", family == Family::v4 ? "flannel-ipv4" : "flannel-ipv6", suffix)};
}

bool is_flannel_table(std::string_view name) {
  return name.starts_with("flannel-ipv4") || name.starts_with("flannel-ipv6");
}

bool are_of_another(const std::vector<netfilter::NftRuleInfo>& rules, const RuleOwner& owner) {
  if (owner.networks.empty() || owner.suffix.empty()) return false;
  const auto names = [&](const netfilter::NftRuleInfo& rule) {
    return std::any_of(owner.networks.begin(), owner.networks.end(),
                       [&](const base::IpNet& network) { return rule.names_network(network); });
  };
  const auto speaks_of_networks = [](const netfilter::NftRuleInfo& rule) {
    const auto tests = rule.tests();
    return std::any_of(tests.begin(), tests.end(), [](const netfilter::NftTest& test) {
      return test.field == netfilter::NftTest::Field::network_header && !is_loopback(test);
    });
  };
  return std::none_of(rules.begin(), rules.end(), names) &&
         std::any_of(rules.begin(), rules.end(), speaks_of_networks);
}

std::string choose_suffix(netlink::NetlinkSocket& socket, Family family, const RuleOwner& owner) {
  const auto table = find_nft_table(socket, flannel_table(family));
  if (!table) return {};
  std::vector<netfilter::NftRuleInfo> all;
  for (const auto& [chain, rules] : table->rules) all.insert(all.end(), rules.begin(), rules.end());
  return are_of_another(all, owner) ? owner.suffix : std::string();
}

NftTransaction make_flannel_table(const TrafficPlan& plan, const std::string& suffix, bool fully_random,
                                  const NodeSet& nodes) {
  const netfilter::NftTable table = flannel_table(plan.family, suffix);
  NftTransaction transaction(table);
  // Deleted and made again at once: nothing survives of what others put in or changed, flags and chains'
  // policies included. The first line is for a table that does not exist.
  transaction.ensure_table();
  transaction.delete_table();
  transaction.ensure_table(fmt::format("rules for {}", table.name));
  if (!plan.tunnels.empty()) nodes.add_to(transaction, plan.family);
  for (const PlannedChain& chain : planned_chains(plan)) {
    transaction.ensure_base_chain(chain.name, chain.hook, chain.comment);
    for (const TrafficRule& rule : *chain.rules)
      transaction.add_rule(
          chain.name, make_nft_rule(rule, plan.family, {.fully_random = fully_random, .until = plan.until}),
          chain.rule_comment);
  }
  return transaction;
}

bool is_as_planned(const NftTableInfo& table, const TrafficPlan& plan) {
  const auto chains = planned_chains(plan);
  return table.flags == 0 && table.chains.size() == chains.size() &&
         std::all_of(chains.begin(), chains.end(), [&](const PlannedChain& chain) {
           const auto found = table.rules.find(chain.name);
           return found != table.rules.end() && found->second.size() == chain.rules->size() &&
                  std::all_of(
                      found->second.begin(), found->second.end(),
                      [&](const netfilter::NftRuleInfo& rule) { return rule.comment == chain.rule_comment; });
         });
}

bool remove_flannel_table(netlink::NetlinkSocket& socket, Family family, const std::string& suffix) {
  const netfilter::NftTable table = flannel_table(family, suffix);
  if (!find_nft_table(socket, table)) return false;
  NftTransaction transaction(table);
  transaction.delete_table();
  return transaction.commit(socket, fmt::format("remove nftables table {}", base::quoted(table.str())));
}

bool remove_flannel_tables(netlink::NetlinkSocket& socket, Family family, const RuleOwner& owner) {
  const bool had_suffix = !owner.suffix.empty() && remove_flannel_table(socket, family, owner.suffix);
  return (choose_suffix(socket, family, owner).empty() && remove_flannel_table(socket, family, {})) ||
         had_suffix;
}

}  // namespace flanneld
