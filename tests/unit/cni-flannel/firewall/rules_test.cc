#include "cni-flannel/firewall/rules.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "cni-flannel/firewall/firewalld.h"
#include "cni-flannel/firewall/legacy_filter.h"
#include "cni-flannel/firewall/nft_filter.h"

using namespace flannel::firewall;

namespace {

const base::IpAddress kPod = *base::IpAddress::parse("10.88.0.5"),
                      kOther = *base::IpAddress::parse("10.88.0.6");
const Conf kConf{.zone = "trusted", .admin_chain = "CNI-ADMIN"};

/// A table in memory.
class Table : public FilterTable {
 public:
  explicit Table(bool keeps_tags = true) : keeps_tags_(keeps_tags) {}
  void read() override {
    removed_.clear();
    put_.clear();
    for (size_t place = 0; place < rules_.size(); ++place) rules_[place].place = place;
  }
  bool commit() override {
    std::vector<StandingRule> rules;
    for (const StandingRule& one : rules_)
      if (std::find(removed_.begin(), removed_.end(), one.place) == removed_.end()) rules.push_back(one);
    for (const Put& one : put_)
      rules.insert(one.planned.place == Place::first ? rules.begin() : rules.end(),
                   {.rule = one.planned.rule, .tag = keeps_tags_ ? one.tag : std::string()});
    rules_ = rules;
    changes_ += removed_.size() + put_.size();
    read();
    return true;
  }
  [[nodiscard]] bool keeps_tags() const override { return keeps_tags_; }

  void make(const std::vector<PlannedRule>& wanted, const std::string& tag) {
    read();
    bring(*this, wanted, tag);
    commit();
  }
  /// The targets of a chain's rules, in order.
  [[nodiscard]] std::vector<std::string> targets(const std::string& chain) const {
    std::vector<std::string> targets;
    for (const StandingRule& one : rules_)
      if (one.rule.chain == chain) targets.push_back(one.rule.target);
    return targets;
  }
  [[nodiscard]] std::vector<std::string> tags_of(const base::IpAddress& address) const {
    std::vector<std::string> tags;
    for (const StandingRule& one : rules_)
      if (one.rule.source == address || one.rule.destination == address) tags.push_back(one.tag);
    return tags;
  }
  size_t changes_ = 0;

 private:
  bool keeps_tags_;
};

std::vector<PlannedRule> both(IngressPolicy policy) {
  std::vector<PlannedRule> rules = pod_rules(kConf, {kPod});
  for (const PlannedRule& one : policy_rules(policy, "cni0")) rules.push_back(one);
  return rules;
}

using Texts = std::vector<std::string>;

Texts texts(const std::vector<PlannedRule>& rules) {
  Texts all;
  for (const PlannedRule& one : rules) all.push_back(text_of(one));
  return all;
}

}  // namespace

TEST_CASE("firewall: the rules are the reference's") {
  CHECK(texts(pod_rules(kConf, {kPod})) ==
        Texts{"FORWARD -m comment --comment \"CNI firewall plugin rules\" -j CNI-FORWARD",
              "CNI-FORWARD -m comment --comment \"CNI firewall plugin admin overrides\" -j CNI-ADMIN",
              "CNI-FORWARD -d 10.88.0.5/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
              "CNI-FORWARD -s 10.88.0.5/32 -j ACCEPT"});
  CHECK(
      texts(policy_rules(IngressPolicy::isolated, "br1")) ==
      Texts{
          "FORWARD -m comment --comment \"CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)\" "
          "-j CNI-ISOLATION-STAGE-1",
          "CNI-ISOLATION-STAGE-1 -i br1 ! -o br1 -m comment --comment \"CNI firewall plugin rules "
          "(ingressPolicy: isolated)\" -j CNI-ISOLATION-STAGE-2",
          "CNI-ISOLATION-STAGE-1 -i br1 -o br1 -m comment --comment \"CNI firewall plugin rules "
          "(ingressPolicy: isolated)\" -j DROP",
          "CNI-ISOLATION-STAGE-1 -m comment --comment \"CNI firewall plugin rules (ingressPolicy: "
          "same-bridge|isolated)\" -j RETURN",
          "CNI-ISOLATION-STAGE-2 -o br1 -m comment --comment \"CNI firewall plugin rules (ingressPolicy: "
          "same-bridge|isolated)\" -j DROP",
          "CNI-ISOLATION-STAGE-2 -m comment --comment \"CNI firewall plugin rules (ingressPolicy: "
          "same-bridge|isolated)\" -j RETURN"});
  CHECK(policy_rules(IngressPolicy::open, "br1").empty());
}

TEST_CASE("firewall: what a table has already is not put again") {
  for (const bool keeps_tags : {true, false}) {
    Table table(keeps_tags);
    table.make(both(IngressPolicy::same_bridge), "a");
    const size_t changes = table.changes_;
    CHECK_FALSE(find_missing(table, both(IngressPolicy::same_bridge)));
    CHECK(find_missing(table, both(IngressPolicy::isolated))->rule.target == "DROP");
    table.make(both(IngressPolicy::same_bridge), "a");
    CHECK(table.changes_ == changes);
    table.make(pod_rules(kConf, {kOther}), "b");
    CHECK(table.changes_ == changes + 2);
  }
}

TEST_CASE("firewall: isolation is looked at before the pods' rules, also when those came to be put anew") {
  Table table;
  table.make(both(IngressPolicy::same_bridge), "a");
  CHECK(table.targets(kForward) == Texts{kLeaving, kPods});
  CHECK(table.targets(kLeaving) == Texts{kEntering, "RETURN"});
  CHECK(table.targets(kPods) == Texts{"CNI-ADMIN", "ACCEPT", "ACCEPT"});
  table.read();
  table.remove(table.rules()[1]);  // the jump to the pods' rules
  table.commit();
  table.make(both(IngressPolicy::same_bridge), "a");
  CHECK(table.targets(kForward) == Texts{kLeaving, kPods});
}

TEST_CASE("firewall: rules of an address are the pod's that has it now, and go with it alone") {
  Table table;
  table.make(pod_rules(kConf, {kPod}), "");  // as the reference's
  table.make(pod_rules(kConf, {kPod}), "a");
  CHECK(table.tags_of(kPod) == Texts{"a", "a"});
  table.make(pod_rules(kConf, {kPod}), "b");
  table.make(pod_rules(kConf, {kOther}), "c");
  table.read();
  remove_pods(table, [](const base::IpAddress&, std::string_view tag) { return tag == "a"; });
  table.commit();
  CHECK(table.tags_of(kPod) == Texts{"b", "b"});
  remove_pods(table, [](const base::IpAddress& address, std::string_view) { return address == kPod; });
  table.commit();
  CHECK(table.tags_of(kPod).empty());
  CHECK(table.tags_of(kOther) == Texts{"c", "c"});
  CHECK(table.targets(kPods) == Texts{"CNI-ADMIN", "ACCEPT", "ACCEPT"});
}

TEST_CASE("firewall: of very many stale rules some are left for the next change") {
  Table table;
  std::vector<base::IpAddress> addresses;
  for (uint64_t count = 0; count < 120; ++count) addresses.push_back(kPod.plus(count));
  table.make(pod_rules(kConf, addresses), "a");
  const auto all = [](const base::IpAddress&, std::string_view) { return true; };
  CHECK(remove_pods(table, all));
  table.commit();
  CHECK(table.targets(kPods).size() == 1 + 40);
  CHECK_FALSE(remove_pods(table, all));
  table.commit();
  CHECK(table.targets(kPods) == Texts{"CNI-ADMIN"});
}

TEST_CASE("firewall: each rule is read back from both variants as it was written") {
  std::vector<PlannedRule> all = both(IngressPolicy::isolated);
  for (const PlannedRule& one : pod_rules(kConf, {*base::IpAddress::parse("fd00::5")})) all.push_back(one);
  for (const PlannedRule& one : all) {
    const std::string line = fmt::format("-A {}", text_of(one));
    CAPTURE(line);
    CHECK(read_line(line) == one.rule);
    const bool is_v6 = line.find("fd00") != std::string::npos;
    netfilter::NftRuleInfo info;
    info.expressions = make_nft_rule(one.rule, is_v6 ? base::Family::v6 : base::Family::v4).expressions();
    const std::string& target = one.rule.target;
    info.verdict = target == "ACCEPT"   ? netfilter::NftVerdict::accept
                   : target == "DROP"   ? netfilter::NftVerdict::drop
                   : target == "RETURN" ? netfilter::NftVerdict::return_
                                        : netfilter::NftVerdict::jump;
    if (info.verdict == netfilter::NftVerdict::jump) info.target = target;
    CHECK(read_nft_rule(one.rule.chain, info) == one.rule);
  }
}

TEST_CASE("firewall: an address is in firewalld's zone if a rule leads its packets there by their source") {
  using netfilter::NftRule;
  const auto leads = [](const NftRule& rule, const char* address, const char* target = "filter_FWD_trusted") {
    netfilter::NftRuleInfo info;
    info.expressions = rule.expressions();
    info.target = target;
    return leads_to_zone(info, *base::IpAddress::parse(address), "trusted");
  };
  const auto from = [](const char* text) { return NftRule().source(*base::IpNet::parse(text), true); };
  CHECK(leads(from("10.88.0.0/16"), "10.88.7.1"));
  CHECK(leads(from("10.88.0.0/20"), "10.88.15.1"));
  CHECK_FALSE(leads(from("10.88.0.0/20"), "10.88.16.1"));
  CHECK(leads(from("fd00:1::/64"), "fd00:1::5"));
  CHECK_FALSE(leads(from("fd00:1::/64"), "fd00:2::5"));
  CHECK_FALSE(leads(from("fd00:1::/64"), "10.88.0.5"));
  CHECK_FALSE(leads(from("10.88.0.0/16"), "10.88.7.1", "filter_FWD_public"));
  CHECK_FALSE(leads(from("10.88.0.0/16"), "10.88.7.1", "untrusted"));
  CHECK_FALSE(leads(NftRule().source(*base::IpNet::parse("10.88.0.0/16"), false), "10.88.7.1"));
  CHECK_FALSE(leads(NftRule().destination(*base::IpNet::parse("10.88.0.0/16"), true), "10.88.7.1"));
}

TEST_CASE("firewall: others' rules, and lines that are cut off, are not taken for its own") {
  for (const char* line :
       {"-A INPUT -j ACCEPT", "-A CNI-FORWARD -s 10.88.0.0/16 -j ACCEPT",
        "-A CNI-FORWARD ! -s 10.88.0.5/32 -j ACCEPT", "-A CNI-FORWARD -s 10.88.0.5/32 -p tcp -j ACCEPT",
        "-A CNI-FORWARD -s 10.88.0.5/32 -j", "-A CNI-FORWARD", "", ":CNI-FORWARD - [0:0]",
        "-A FORWARD -m comment --comment \"cut off", "-A FORWARD -i eth+ -m mark --mark 0x1 -j DROP",
        "-A CNI-FORWARD -d 10.88.0.5/32 -m conntrack --ctstate NEW -j ACCEPT", "-A FORWARD !",
        "-A FORWARD -j \"\\"}) {
    CAPTURE(line);
    CHECK_FALSE(read_line(line));
  }
  CHECK(read_line(R"(-A FORWARD -m comment --comment "a \"quoted\" word" -j ACCEPT)") ==
        Rule{.chain = "FORWARD", .target = "ACCEPT"});
}
