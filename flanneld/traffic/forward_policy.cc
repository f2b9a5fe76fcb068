#include "flanneld/traffic/forward_policy.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/netfilter/iptables.h"
#include "flanneld/traffic/flannel_table.h"
#include "flanneld/traffic/iptables_nft.h"
#include "flanneld/traffic/nft_rule.h"

namespace flanneld {
namespace {

using base::Family;
using netfilter::NftChainInfo;
using netfilter::NftFamily;
using netfilter::NftRuleInfo;
using netfilter::NftVerdict;

bool is_end(const NftRuleInfo& rule) {
  return rule.unconditional && (rule.verdict == NftVerdict::drop || rule.verdict == NftVerdict::reject);
}

bool is_iptables_forward(const NftChainInfo& chain) {
  return chain.table.name == "filter" && chain.name == "FORWARD" && chain.table.family != NftFamily::inet;
}

/// Whether a chain sees packets of one of the planned families, and is not flannel's own.
bool concerns(const NftChainInfo& chain, const std::vector<TrafficPlan>& plans) {
  if (!chain.hook || chain.hook->point != netfilter::NftHookPoint::forward) return false;
  switch (chain.table.family) {
    case NftFamily::ip:
      return plan_of(plans, Family::v4) != nullptr && !is_flannel_table(chain.table.name);
    case NftFamily::ip6:
      return plan_of(plans, Family::v6) != nullptr && !is_flannel_table(chain.table.name);
    case NftFamily::inet:
      return !plans.empty();
    case NftFamily::bridge:
      return false;
  }
  return false;
}

bool names_pods(const NftRuleInfo& rule, const std::vector<TrafficPlan>& plans) {
  return rule.names_interface(kPodBridge) ||
         std::any_of(plans.begin(), plans.end(),
                     [&](const TrafficPlan& plan) { return rule.names_network(plan.network); });
}

std::vector<ForwardChain> read_forward_chains(netlink::NetlinkSocket& socket,
                                              const std::vector<TrafficPlan>& plans) {
  std::vector<ForwardChain> result;
  for (NftChainInfo& chain : netfilter::nft_chains(socket)) {
    if (!concerns(chain, plans)) continue;
    ForwardChain& one = result.emplace_back();
    one.rules = nft_rules(socket, chain.table, chain.name);
    const bool may_block = chain.policy_drop || std::any_of(one.rules.begin(), one.rules.end(), is_end);
    if (may_block && !is_iptables_forward(chain)) {
      if (const auto table = find_nft_table(socket, chain.table))
        for (const auto& [name, rules] : table->rules)
          one.names_pods = one.names_pods || std::any_of(rules.begin(), rules.end(), [&](const auto& rule) {
                             return names_pods(rule, plans);
                           });
    }
    one.chain = std::move(chain);
  }
  return result;
}

/// The forward rules are in iptables' tables where these drop, and only there.
void settle_family(netlink::NetlinkSocket& socket, Family family, const TrafficPlan& plan,
                   const std::vector<NftChainInfo>& chains) {
  const netfilter::NftTable filter = iptables_nft_table(family, "filter");
  const bool drops = std::any_of(chains.begin(), chains.end(), [&](const NftChainInfo& chain) {
    return chain.table == filter && is_iptables_forward(chain) && chain.policy_drop;
  });
  if (drops && !plan.forward.empty())
    ensure_iptables_nft_forward(socket, plan);
  else
    remove_iptables_nft_chains(socket, family, kForwardPlace, plan.owner);
}

}  // namespace

bool has_legacy_drop(const IptablesSaved& saved) {
  const auto filter = saved.find("filter");
  if (filter == saved.end()) return false;
  const auto forward = filter->second.find("FORWARD");
  return forward != filter->second.end() && forward->second.policy == "DROP";
}

std::string Obstacle::text() const { return fmt::format("{}: {}", finding, advice); }

std::optional<Obstacle> find_obstacle(const ForwardChain& chain) {
  const auto end = std::find_if(chain.rules.begin(), chain.rules.end(), is_end);
  const bool by_rule = end != chain.rules.end();
  if (!by_rule && !chain.chain.policy_drop) return std::nullopt;
  const bool has_jump = std::any_of(chain.rules.begin(), end, [](const NftRuleInfo& rule) {
    return rule.target.starts_with(kIptablesForwardChain);
  });
  if (has_jump || chain.names_pods) return std::nullopt;
  Obstacle obstacle;
  obstacle.finding =
      fmt::format("chain '{}' of nftables table '{}' {}", chain.chain.name, chain.chain.table.str(),
                  !by_rule                           ? "drops by its policy what its rules do not accept"
                  : end->verdict == NftVerdict::drop ? "drops what its rules do not accept before"
                                                     : "rejects what its rules do not accept before");
  if (chain.chain.table.name == "firewalld")
    obstacle.advice =
        "put the pods' network into a trusted zone (firewall-cmd --permanent --zone=trusted "
        "--add-source=NETWORK, firewall-cmd --reload)";
  else if (is_iptables_forward(chain.chain) && !by_rule)
    obstacle.advice = "flanneld with --iptables-forward-rules opens it, or iptables -P FORWARD ACCEPT";
  else
    obstacle.advice = "accept packets from and to the pods' network there";
  return obstacle;
}

std::optional<Obstacle> find_obstacle(const IptablesSaved& legacy, Family family) {
  if (!has_legacy_drop(legacy)) return std::nullopt;
  const auto& rules = legacy.at("filter").at("FORWARD").rules;
  const std::string jump = fmt::format(" -j {}", kIptablesForwardChain);
  if (std::any_of(rules.begin(), rules.end(),
                  [&](const std::string& rule) { return rule.find(jump) != std::string::npos; }))
    return std::nullopt;
  const std::string name = fmt::format("{}-legacy", netfilter::iptables_name(family));
  return Obstacle{
      .finding = fmt::format("chain 'FORWARD' of {} drops by its policy what its rules do not accept", name),
      .advice =
          fmt::format("{} -P FORWARD ACCEPT, or accept packets from and to the pods' network there", name)};
}

std::vector<Obstacle> find_nft_obstacles(netlink::NetlinkSocket& socket,
                                         const std::vector<TrafficPlan>& plans) {
  std::vector<Obstacle> obstacles;
  for (const ForwardChain& chain : read_forward_chains(socket, plans))
    if (auto obstacle = find_obstacle(chain)) obstacles.push_back(std::move(*obstacle));
  return obstacles;
}

std::optional<std::string> obstacle_text(const std::vector<Obstacle>& obstacles) {
  if (obstacles.empty()) return std::nullopt;
  std::vector<std::string> texts;
  texts.reserve(obstacles.size());
  for (const Obstacle& obstacle : obstacles) texts.push_back(obstacle.text());
  return fmt::format("{}", fmt::join(texts, "; "));
}

void open_nft_forward_chains(netlink::NetlinkSocket& socket, const std::vector<TrafficPlan>& plans,
                             const RuleOwner& owner) {
  std::vector<NftChainInfo> chains = netfilter::nft_chains(socket);
  std::erase_if(chains, [&](const NftChainInfo& chain) { return !concerns(chain, plans); });
  for (const Family family : base::kFamilies)
    settle_family(socket, family, plan_or_nothing(plans, owner, family), chains);
}

}  // namespace flanneld
