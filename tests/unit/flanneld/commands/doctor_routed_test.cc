#include "flanneld/commands/doctor_routed.h"

#include <doctest/doctest.h>

#include "tests/support/addresses.h"

using flanneld::check_routed_pods;
using flanneld::Finding;
using flanneld::RoutedPodFacts;
using test::ip;
using test::net;

namespace {

RoutedPodFacts::Link sound_link() {
  return {.name = "veth1",
          .gateways = {ip("10.5.1.1"), ip("fd00:5:1::1")},
          .pods = {ip("10.5.1.2"), ip("fd00:5:1::2")},
          .routed = {ip("10.5.1.2"), ip("fd00:5:1::2")}};
}

/// The only finding of a node with one such pod.
Finding finding_of(const RoutedPodFacts::Link& link) {
  const auto findings = check_routed_pods({.links = {link}, .subnets = {}});
  REQUIRE(findings.size() == 1);
  return findings[0];
}

}  // namespace

TEST_CASE("doctor: says nothing of pods without a bridge where there are none, and that they are well") {
  CHECK(check_routed_pods({.links = {}, .has_rules = false, .subnets = {net("10.5.1.1/24")}}).empty());
  CHECK(finding_of(sound_link()) ==
        Finding{Finding::State::ok, "routed pods", "1 are reached, and kept to their addresses"});
}

TEST_CASE("doctor: each fault of a pod's own link is told") {
  RoutedPodFacts::Link link = sound_link();
  link.is_up = false;
  CHECK(finding_of(link).finding == "'veth1' is down: its pod reaches nobody");
  link = sound_link();
  link.routed.pop_back();
  CHECK(finding_of(link).advice == "ip route replace fd00:5:1::2 dev veth1");
  link = sound_link();
  link.routed.clear();
  link.pods.clear();
  CHECK(finding_of(link).finding == "the node has no way to the pod behind 'veth1'");
  link = sound_link();
  link.gateways.pop_back();
  CHECK(finding_of(link).finding ==
        "'veth1' has no address of the gateway, which its pod sends everything by");
  link = sound_link();
  link.forwards_ipv6 = false;
  CHECK(finding_of(link).repairs == std::vector<flanneld::Repair>{{flanneld::Repair::Kind::set_sysctl,
                                                                   "net/ipv6/conf/veth1/forwarding", "1"}});
  // A pod of IPv4 alone, on whose link IPv6 is off.
  link.gateways.pop_back();
  link.pods.pop_back();
  link.routed.pop_back();
  CHECK(finding_of(link).state == Finding::State::ok);
}

TEST_CASE("doctor: many faulty pods are counted, and what holds for all of them is a warning") {
  RoutedPodFacts facts{
      .links = std::vector(12, sound_link()), .has_rules = false, .subnets = {net("10.5.1.1/24")}};
  auto findings = check_routed_pods(facts);
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].state == Finding::State::warn);
  CHECK(findings[0].finding == "the rules that keep them to their own addresses are missing");
  CHECK(findings[1].finding ==
        "what is sent to an address of 10.5.1.0/24 that no pod has leaves the node by its default route");
  for (auto& link : facts.links) link.is_up = false;
  findings = check_routed_pods(facts);
  REQUIRE(findings.size() == 13);
  CHECK(findings[11].finding == "so 2 more");
}
