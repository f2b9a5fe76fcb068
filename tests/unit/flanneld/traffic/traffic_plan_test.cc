#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "flanneld/traffic/traffic_plan.h"
#include "tests/unit/flanneld/traffic/test_support.h"

using namespace flanneld;
using namespace flanneld_test;

TEST_CASE("a plan has the rules that are asked for, one plan per family") {
  TrafficSpec both = spec();
  both.networks.push_back({net("fd00:10:244::/48"), net("fd00:10:244:1::/64")});
  const auto plans = plan_traffic(both);
  REQUIRE(plans.size() == 2);
  CHECK(plans[0].family == base::Family::v4);
  CHECK(plans[0].nat.size() == 6);
  CHECK(plans[0].forward.size() == 2);
  CHECK(plans[1].nat[4].destination->net == net("ff00::/8"));
  CHECK(plan_of(plans, base::Family::v6) == &plans[1]);

  TrafficSpec none = spec();
  none.masquerade = {};
  none.forward = false;
  CHECK(plan_traffic(none).front().nat.empty());
  CHECK(plan_traffic(none).front().forward.empty());
  CHECK(plan_of(plan_traffic(none), base::Family::v6) == nullptr);
}

TEST_CASE("masquerading may be for one family, and spare destinations of its own") {
  TrafficSpec both = spec();
  both.networks.push_back({net("fd00:10:244::/48"), net("fd00:10:244:1::/64")});
  both.masquerade = {.v4 = false, .v6 = true};
  both.not_masqueraded = {net("10.0.0.0/8"), net("fd00:1::1/32"), net("fd00:2::/32")};
  const auto plans = plan_traffic(both);
  CHECK(plans[0].nat.empty());
  REQUIRE(plans[1].nat.size() == 8);
  CHECK(plans[1].nat[4] == TrafficRule{.source = AddressMatch{net("fd00:10:244::/48")},
                                       .destination = AddressMatch{net("fd00:1::/32")},
                                       .action = TrafficAction::return_});
  CHECK(plans[1].nat[5].destination->net == net("fd00:2::/32"));
  CHECK(plans[1].nat[6].action == TrafficAction::masquerade);
  both.masquerade = {.v4 = true, .v6 = false};
  CHECK(plan_traffic(both)[0].nat[4].destination->net == net("10.0.0.0/8"));
  CHECK(plan_traffic(both)[1].nat.empty());
}

TEST_CASE("host bits of the operator's networks do not matter") {
  TrafficSpec loose = spec();
  loose.networks = {{net("10.244.7.7/16"), net("10.244.1.1/24")}};
  CHECK(plan_traffic(loose) == plan_traffic(spec()));
}

TEST_CASE("tunnel packets pass where nodes send them, and are dropped from everywhere else") {
  TrafficSpec both = spec();
  both.networks.push_back({net("fd00:10:244::/48"), net("fd00:10:244:1::/64")});
  CHECK(plan_traffic(both)[0].tunnel_input.empty());
  both.networks[0].tunnels = {
      Tunnel{"flannel.1", 8472, {ip("192.0.2.1"), ip("203.0.113.1")}, {"eth0", "eth1"}}};
  both.networks[1].tunnels = {Tunnel{"flannel-v6.1", 4789, {ip("fd00::1")}, {"eth0"}}};
  both.masquerade = {};
  both.forward = false;
  const auto plans = plan_traffic(both);
  const auto& input = plans[0].tunnel_input;
  REQUIRE(input.size() == 7);
  CHECK(input[0].source->net == net("10.244.0.0/16"));
  CHECK(input[0].action == TrafficAction::drop);
  CHECK(input[1] == TrafficRule{.action = TrafficAction::drop, .udp_port = 8472, .by_server = true});
  CHECK(input[2].destination->net == net("192.0.2.1/32"));
  CHECK(input[2].input_link == "eth0");
  CHECK(input[2].by_node);
  CHECK(input[5].input_link == "eth1");
  CHECK(input[5].destination->net == net("203.0.113.1/32"));
  CHECK(input[6] == TrafficRule{.action = TrafficAction::drop, .udp_port = 8472});
  REQUIRE(plans[1].tunnel_input.size() == 5);
  CHECK(plans[1].tunnel_input[1].source->net == net("fe80::/10"));
  CHECK(plans[1].tunnel_forward[0].destination == AddressMatch{net("fd00:10:244::/48"), false});
  for (const auto* rules : {&plans[1].tunnel_input, &plans[1].tunnel_forward})
    for (const TrafficRule& rule : *rules) {
      CHECK(rule.udp_port == 4789);
      CHECK((rule.action == TrafficAction::return_) == (rule.input_link == "eth0"));
    }
}

TEST_CASE("packets of IPv4 in IPv4 are known by their protocol, for they have no ports") {
  TrafficSpec ipip = spec();
  ipip.networks[0].tunnels = {Tunnel{.link = "flannel.ipip", .addresses = {ip("192.0.2.1")}}};
  const TrafficPlan plan = plan_traffic(ipip)[0];
  CHECK(plan.tunnel_input.size() == 5);
  for (const auto* rules : {&plan.tunnel_input, &plan.tunnel_forward})
    for (const TrafficRule& rule : *rules) {
      CHECK(rule.is_ipip);
      CHECK(!rule.by_server);
    }
}

TEST_CASE("where packets may come in by any link, those of pods are dropped by their bridge and the tunnel") {
  TrafficSpec any = spec();
  any.networks[0].tunnels = {Tunnel{"flannel.1", 8472, {ip("192.0.2.1")}, {}}};
  const auto input = plan_traffic(any)[0].tunnel_input;
  REQUIRE(input.size() == 6);
  CHECK(input[1].input_link == "cni0");
  CHECK(input[2].input_link == "flannel.1");
  CHECK(input[4].action == TrafficAction::return_);
}

TEST_CASE("nodes within the pod network, outside of all subnets, are not taken for pods") {
  TrafficSpec inside = spec();
  inside.networks[0].tunnels = {Tunnel{"flannel.1", 8472, {ip("10.244.255.1")}, {"eth0"}}};
  const auto plan = plan_traffic(inside)[0];
  REQUIRE(plan.tunnel_input.size() == 3);
  CHECK(plan.tunnel_input[1].action == TrafficAction::return_);
  CHECK_FALSE(plan.tunnel_forward[0].destination);
}

TEST_CASE("rules end 24 to 30 hours after they were written, and need not be written again for hours") {
  using std::chrono::hours;
  const std::chrono::sys_seconds noon{hours(24 * 20000 + 12)};
  CHECK(rules_end(noon) == noon + hours(30));
  CHECK(rules_end(noon + hours(5)) == noon + hours(30));
  CHECK(rules_end(noon + hours(6)) == noon + hours(36));
}

TEST_CASE("IPv6 pods may send what a link needs; without a known bridge no source is looked at") {
  TrafficSpec v6 = spec();
  v6.networks = {{net("fd00:10:244::/48"), net("fd00:10:244:1::/64")}};
  CHECK(plan_traffic(v6).front().sources.empty());
  v6.pods = {.bridge = "cni0", .sources = {net("192.0.2.0/24")}};
  const auto sources = plan_traffic(v6).front().sources;
  REQUIRE(sources.size() == 5);
  CHECK(sources[0].source->net == net("fd00:10:244:1::/64"));
  CHECK(sources[1].source->net == net("fd00:10:244::/48"));
  CHECK(sources[1].action == TrafficAction::drop);
  CHECK(sources[2].source->net == net("fe80::/10"));
  CHECK(sources[3].source->net == net("::/128"));
  CHECK(sources[3].destination->net == net("ff00::/8"));
  CHECK(sources[4] == TrafficRule{.action = TrafficAction::drop, .input_link = "cni0"});
  CHECK(plan_traffic(spec()).front().sources.size() == 2);  // the node's loopback, of IPv4
}

TEST_CASE("tunnel packets pass from nodes that hold a lease, and from sources that the operator names") {
  TrafficSpec named = spec();
  named.networks[0].tunnels = {
      Tunnel{"flannel.1", 8472, {ip("192.0.2.1")}, {"eth0"}, {net("198.51.100.7/24")}}};
  const auto input = plan_traffic(named)[0].tunnel_input;
  REQUIRE(input.size() == 5);
  CHECK(input[2].source->net == net("198.51.100.0/24"));
  CHECK_FALSE(input[2].by_node);
  CHECK_FALSE(input[3].source);
  CHECK(input[3].by_node);
  for (const TrafficRule& pass : {input[2], input[3]}) {
    CHECK(pass.action == TrafficAction::return_);
    CHECK(pass.destination->net == net("192.0.2.1/32"));
    CHECK(pass.input_link == "eth0");
  }
}
