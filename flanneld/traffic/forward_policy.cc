#include "flanneld/traffic/forward_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "common/base/error.h"
#include "flanneld/traffic/iptables_nft.h"
#include "flanneld/traffic/iptables_programs.h"
#include "flanneld/traffic/nftables_rules.h"

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
      return plan_of(plans, Family::v4) != nullptr && chain.table.name != flannel_table(Family::v4).name;
    case NftFamily::ip6:
      return plan_of(plans, Family::v6) != nullptr && chain.table.name != flannel_table(Family::v6).name;
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

bool has_legacy_drop(const IptablesSaved& saved) {
  const auto filter = saved.find("filter");
  if (filter == saved.end()) return false;
  const auto forward = filter->second.find("FORWARD");
  return forward != filter->second.end() && forward->second.policy == "DROP";
}

/// The forward rules are in iptables' tables where these drop, and only there.
void settle_nft(netlink::NetlinkSocket& socket, Family family, const TrafficPlan* plan,
                const std::vector<ForwardChain>& chains) {
  const netfilter::NftTable filter = iptables_nft_table(family, "filter");
  const bool drops = std::any_of(chains.begin(), chains.end(), [&](const ForwardChain& one) {
    return one.chain.table == filter && is_iptables_forward(one.chain) && one.chain.policy_drop;
  });
  if (drops && plan && !plan->forward.empty())
    ensure_iptables_nft_forward(socket, *plan);
  else
    remove_iptables_nft_chain(socket, family, kForwardPlace);
}

/// What of the legacy variant still blocks.
std::optional<std::string> settle_legacy(Family family, const TrafficPlan* plan) {
  if (!has_legacy_tables(family)) return std::nullopt;
  if (!has_iptables(family, IptablesVariant::legacy))
    return std::string("the kernel has rules of ") + iptables_name(family) +
           "-legacy, and the program to look at them is missing: install it";
  IptablesSaved saved;
  try {
    saved = save_iptables(family, IptablesVariant::legacy);
  } catch (const base::SystemError& error) {
    if (error.error_number() != EPERM) throw;
    return fmt::format(
        "the kernel has had rules of {}-legacy since flanneld gave up starting programs: restart it, and it "
        "looks "
        "at them",
        iptables_name(family));
  }
  const bool wanted = plan && has_legacy_drop(saved);
  const std::string changes = iptables_forward_changes(saved, wanted ? plan : nullptr);
  if (!changes.empty() && !restore_iptables(family, IptablesVariant::legacy, changes))
    return std::string(iptables_name(family)) + "-legacy refused a change of its FORWARD chain";
  return std::nullopt;
}

}  // namespace

std::string Obstacle::text() const { return fmt::format("{}: {}", finding, advice); }

std::optional<Obstacle> find_obstacle(const ForwardChain& chain) {
  const auto end = std::find_if(chain.rules.begin(), chain.rules.end(), is_end);
  const bool by_rule = end != chain.rules.end();
  if (!by_rule && !chain.chain.policy_drop) return std::nullopt;
  const bool has_jump = std::any_of(
      chain.rules.begin(), end, [](const NftRuleInfo& rule) { return rule.target == kIptablesForwardChain; });
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
  if (std::any_of(rules.begin(), rules.end(), [&](const std::string& rule) { return rule.ends_with(jump); }))
    return std::nullopt;
  const std::string name = fmt::format("{}-legacy", iptables_name(family));
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

std::optional<std::string> open_forward_chains(netlink::NetlinkSocket& socket,
                                               const std::vector<TrafficPlan>& plans) {
  const auto chains = read_forward_chains(socket, plans);
  std::vector<std::string> texts;
  bool is_wanted = false;
  for (const Family family : base::kFamilies) {
    const TrafficPlan* plan = plan_of(plans, family);
    is_wanted = is_wanted || (plan && !plan->forward.empty());
    settle_nft(socket, family, plan, chains);
    if (auto text = settle_legacy(family, plan)) texts.push_back(std::move(*text));
  }
  if (!is_wanted) return std::nullopt;  // somebody else's business, says the operator
  for (const Obstacle& obstacle : find_nft_obstacles(socket, plans)) texts.push_back(obstacle.text());
  if (texts.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace flanneld
