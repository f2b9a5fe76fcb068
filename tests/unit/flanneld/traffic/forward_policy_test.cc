#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "flanneld/traffic/forward_policy.h"
#include "flanneld/traffic/iptables_text.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;
using netfilter::NftVerdict;

namespace {

// Upstream's rules as iptables-save 1.8.9 prints them.
const std::string kFilterTable =
    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:FLANNEL-FWD - [0:0]\n"
    "-A FORWARD -m comment --comment \"flanneld forward\" -j FLANNEL-FWD\n"
    "-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment \"flanneld forward\" -j ACCEPT\n"
    "-A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment \"flanneld forward\" -j ACCEPT\nCOMMIT\n";
const std::string kDroppingFilter =
    "*filter\n:FORWARD DROP [0:0]\n" + kFilterTable.substr(kFilterTable.find(":FLANNEL-FWD"));

netfilter::NftRuleInfo rule(NftVerdict verdict, bool unconditional, const std::string& target = "") {
  netfilter::NftRuleInfo rule;
  rule.verdict = verdict;
  rule.target = target;
  rule.unconditional = unconditional;
  return rule;
}

ForwardChain chain(const std::string& table, const std::string& name, bool policy_drop,
                   std::vector<netfilter::NftRuleInfo> rules) {
  ForwardChain chain;
  chain.chain.table = {netfilter::NftFamily::inet, table};
  chain.chain.name = name;
  chain.chain.policy_drop = policy_drop;
  chain.rules = std::move(rules);
  return chain;
}

}  // namespace

TEST_CASE("a chain blocks pods by its policy or by a rule that drops all") {
  CHECK_FALSE(find_obstacle(chain("x", "fwd", false, {rule(NftVerdict::drop, false)})));
  CHECK(contains(find_obstacle(chain("x", "fwd", true, {}))->text(), "table 'inet x' drops by its policy"));
  CHECK(contains(
      find_obstacle(chain("firewalld", "filter_FORWARD", false, {rule(NftVerdict::reject, true)}))->text(),
      "rejects"));
}

TEST_CASE("flannel's jump opens a chain only before the rule that drops all") {
  const auto jump = rule(NftVerdict::jump, true, kIptablesForwardChain);
  CHECK_FALSE(find_obstacle(chain("filter", "FORWARD", true, {jump})));
  CHECK_FALSE(find_obstacle(chain("filter", "FORWARD", true, {jump, rule(NftVerdict::drop, true)})));
  CHECK(find_obstacle(chain("filter", "FORWARD", true, {rule(NftVerdict::reject, true), jump})));
  ForwardChain seen_to = chain("x", "fwd", true, {});
  seen_to.names_pods = true;
  CHECK_FALSE(find_obstacle(seen_to));
}

TEST_CASE("a legacy FORWARD chain blocks pods by its policy unless it jumps to flannel's") {
  const auto obstacle = [](const std::string& saved) {
    return find_obstacle(parse_iptables_save(saved), base::Family::v4);
  };
  CHECK_FALSE(obstacle(kFilterTable));
  CHECK_FALSE(obstacle(kDroppingFilter));
  CHECK(contains(obstacle("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n")->text(), "iptables-legacy -P FORWARD"));
}
