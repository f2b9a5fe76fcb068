#include "flanneld/traffic/input_policy.h"

#include <doctest/doctest.h>

#include <netinet/in.h>

#include <string>
#include <utility>
#include <vector>

#include "common/netfilter/nft_rule.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;
using netfilter::NftFamily;
using netfilter::NftRule;
using netfilter::NftRuleInfo;
using netfilter::NftVerdict;

namespace {

/// A rule as a query shows it; one without tests is for every packet.
NftRuleInfo shown(const NftRule& rule, NftVerdict verdict, const std::string& target = "") {
  NftRuleInfo info;
  info.expressions = rule.expressions();
  info.verdict = verdict;
  info.target = target;
  info.unconditional = info.expressions.empty();
  return info;
}

const NftRuleInfo kReturnsSome = shown(NftRule().destination_is_local(), NftVerdict::return_);
const NftRuleInfo kDropsAll = shown(NftRule(), NftVerdict::drop);

using Chains = std::map<std::string, std::vector<NftRuleInfo>>;

/// What is told of a firewall whose chain `input` drops by its policy.
std::string told(Chains rules, uint16_t port, const std::string& table = "fw", bool policy_drop = true) {
  const InputChain input{
      .chain = {.table = {NftFamily::inet, table}, .name = "input", .hook = {}, .policy_drop = policy_drop},
      .rules = std::move(rules)};
  const auto obstacle =
      find_input_obstacle(input, Tunnel{.link = "tunnel", .port = port}, net("10.5.0.0/16"));
  return obstacle ? obstacle->text() : "";
}

}  // namespace

TEST_CASE("input: what lets a tunnel of UDP in says nothing of IPv4 in IPv4, and the other way round") {
  const Chains datagrams{{"input", {shown(NftRule().udp_port_is(8472), NftVerdict::accept)}}};
  const Chains ipip{{"input", {shown(NftRule().transport_is(IPPROTO_IPIP), NftVerdict::accept)}}};
  CHECK(told(datagrams, 8472).empty());
  CHECK(told(ipip, 0).empty());
  CHECK(contains(told(ipip, 8472),
                 "to UDP port 8472: no packet of their pods comes in: accept `udp dport 8472`"));
  CHECK(contains(told(datagrams, 0),
                 "as IPv4 in IPv4, IP protocol 4: no packet of their pods comes in: accept "
                 "`ip protocol 4` there"));
  CHECK(contains(told(datagrams, 0, "firewalld"), "--add-protocol=ipip"));
  CHECK(contains(told(ipip, 8472, "firewalld"), "--add-port=8472/udp"));
}

TEST_CASE("input: a return leads back to where the chain was called, whose next rules count") {
  const Chains chains{{"input", {shown(NftRule(), NftVerdict::jump, "ufw-not-local")}},
                      {"ufw-not-local", {kReturnsSome, kDropsAll}}};
  CHECK(contains(told(chains, 8472), "ufw allow 8472/udp"));
  CHECK(told(chains, 8472, "fw", false).empty());
  Chains opened = chains;
  opened["input"].push_back(shown(NftRule(), NftVerdict::accept));
  CHECK(told(opened, 8472).empty());
  Chains closed = chains;
  closed["ufw-not-local"] = {kDropsAll};
  closed["input"].push_back(shown(NftRule(), NftVerdict::accept));
  CHECK_FALSE(told(closed, 8472, "fw", false).empty());
}

TEST_CASE("input: what a goto leads to does not come back") {
  const Chains chains{{"input", {shown(NftRule(), NftVerdict::goto_, "zone"), kDropsAll}}, {"zone", {}}};
  CHECK(told(chains, 8472, "fw", false).empty());
  CHECK_FALSE(told(chains, 8472).empty());
}

TEST_CASE("input: chains that lead to each other come to an end") {
  const Chains chains{{"input", {shown(NftRule(), NftVerdict::jump, "input")}}};
  CHECK_FALSE(told(chains, 8472).empty());
}

TEST_CASE("input: it is nodes who send the packets, not pods") {
  const auto from = [](const char* network) {
    return Chains{{"input", {shown(NftRule().source(net(network), true), NftVerdict::accept)}}};
  };
  CHECK_FALSE(told(from("10.5.0.0/16"), 8472).empty());
  CHECK_FALSE(told(from("10.5.7.0/24"), 8472).empty());
  CHECK(told(from("10.4.0.0/15"), 8472).empty());
  CHECK(told(from("192.168.1.0/24"), 8472).empty());
  CHECK(told({{"input", {shown(NftRule().source(net("10.5.0.0/16"), false), NftVerdict::accept)}}}, 8472)
            .empty());
}
