#include "cni-flannel/firewall/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace flannel::firewall {
namespace {

constexpr size_t kMaxRemovedAtOnce = 200;

/// The address that a rule of this plugin is about.
std::optional<base::IpAddress> pod_of(const Rule& rule) {
  if (rule.chain != kPods || rule.target != "ACCEPT" || !rule.input.empty() || !rule.output.empty())
    return std::nullopt;
  if (rule.source && !rule.destination && !rule.is_known) return rule.source;
  if (rule.destination && !rule.source && rule.is_known) return rule.destination;
  return std::nullopt;
}

}  // namespace

std::vector<PlannedRule> pod_rules(const Conf& conf, const std::vector<base::IpAddress>& addresses) {
  std::vector<PlannedRule> rules{{.rule = {.chain = kForward, .target = kPods},
                                  .place = Place::first,
                                  .comment = "CNI firewall plugin rules"},
                                 {.rule = {.chain = kPods, .target = conf.admin_chain},
                                  .place = Place::first,
                                  .comment = "CNI firewall plugin admin overrides"}};
  for (const base::IpAddress& address : addresses) {
    rules.push_back({.rule = {.chain = kPods, .destination = address, .is_known = true, .target = "ACCEPT"}});
    rules.push_back({.rule = {.chain = kPods, .source = address, .target = "ACCEPT"}});
  }
  return rules;
}

std::vector<PlannedRule> policy_rules(IngressPolicy policy, const std::string& bridge) {
  if (policy == IngressPolicy::open) return {};
  const char* name = policy == IngressPolicy::isolated ? "isolated" : "same-bridge";
  const auto comment = [](const char* policies) {
    return fmt::format("CNI firewall plugin rules (ingressPolicy: {})", policies);
  };
  const std::string own = comment(name), shared = comment("same-bridge|isolated");
  std::vector<PlannedRule> rules{
      {.rule = {.chain = kForward, .target = kLeaving}, .place = Place::first, .comment = shared},
      {.rule = {.chain = kLeaving,
                .input = bridge,
                .output = bridge,
                .is_other_output = true,
                .target = kEntering},
       .place = Place::first,
       .comment = own}};
  if (policy == IngressPolicy::isolated)
    rules.push_back({.rule = {.chain = kLeaving, .input = bridge, .output = bridge, .target = "DROP"},
                     .place = Place::first,
                     .comment = own});
  rules.push_back({.rule = {.chain = kLeaving, .target = "RETURN"}, .comment = shared});
  rules.push_back({.rule = {.chain = kEntering, .output = bridge, .target = "DROP"},
                   .place = Place::first,
                   .comment = shared});
  rules.push_back({.rule = {.chain = kEntering, .target = "RETURN"}, .comment = shared});
  return rules;
}

void FilterTable::put(const PlannedRule& rule, const std::string& tag) {
  put_.push_back({.planned = rule, .tag = tag});
}

std::set<std::string> FilterTable::needed_chains() const {
  std::set<std::string> chains;
  for (const Put& one : put_) {
    chains.insert(one.planned.rule.chain);
    chains.insert(one.planned.rule.target);
  }
  for (const char* other : {kForward, "ACCEPT", "DROP", "RETURN"}) chains.erase(other);
  return chains;
}

void bring(FilterTable& table, const std::vector<PlannedRule>& wanted, const std::string& tag) {
  std::set<std::string> begun;  // chains that have a new first rule: others of `wanted` stay before it
  for (const PlannedRule& planned : wanted) {
    std::vector<StandingRule> found;
    std::copy_if(table.rules().begin(), table.rules().end(), std::back_inserter(found),
                 [&](const StandingRule& one) { return one.rule == planned.rule; });
    const bool is_pods = pod_of(planned.rule).has_value();
    const bool is_right =
        is_pods ? found.size() == 1 && (found[0].tag == tag || !table.keeps_tags())
                : !found.empty() && !(planned.place == Place::first && begun.contains(planned.rule.chain));
    if (is_right) continue;
    for (const StandingRule& one : found) table.remove(one);
    table.put(planned, is_pods ? tag : std::string());
    if (planned.place == Place::first) begun.insert(planned.rule.chain);
  }
}

std::optional<PlannedRule> find_missing(const FilterTable& table, const std::vector<PlannedRule>& wanted) {
  for (const PlannedRule& planned : wanted)
    if (std::none_of(table.rules().begin(), table.rules().end(),
                     [&](const StandingRule& one) { return one.rule == planned.rule; }))
      return planned;
  return std::nullopt;
}

bool remove_pods(FilterTable& table,
                 const std::function<bool(const base::IpAddress& address, std::string_view tag)>& stale) {
  size_t removed = 0;
  for (const StandingRule& one : table.rules()) {
    const auto pod = pod_of(one.rule);
    if (!pod || !stale(*pod, one.tag)) continue;
    if (removed++ == kMaxRemovedAtOnce) return true;
    table.remove(one);
  }
  return false;
}

std::string text_of(const PlannedRule& planned) {
  const Rule& rule = planned.rule;
  std::string text = rule.chain;
  const auto append = std::back_inserter(text);
  if (rule.source) fmt::format_to(append, " -s {}/{}", *rule.source, rule.source->bits());
  if (rule.destination) fmt::format_to(append, " -d {}/{}", *rule.destination, rule.destination->bits());
  if (!rule.input.empty()) fmt::format_to(append, " -i {}", rule.input);
  if (!rule.output.empty()) fmt::format_to(append, "{} -o {}", rule.is_other_output ? " !" : "", rule.output);
  if (rule.is_known) fmt::format_to(append, " -m conntrack --ctstate RELATED,ESTABLISHED");
  if (!planned.comment.empty()) fmt::format_to(append, " -m comment --comment \"{}\"", planned.comment);
  fmt::format_to(append, " -j {}", rule.target);
  return text;
}

}  // namespace flannel::firewall
