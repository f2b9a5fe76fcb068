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
  none.masquerade = none.forward = false;
  CHECK(plan_traffic(none).front().nat.empty());
  CHECK(plan_traffic(none).front().forward.empty());
  CHECK(plan_of(plan_traffic(none), base::Family::v6) == nullptr);
}

TEST_CASE("host bits of the operator's networks do not matter") {
  TrafficSpec loose = spec();
  loose.networks = {{net("10.244.7.7/16"), net("10.244.1.1/24")}};
  CHECK(plan_traffic(loose) == plan_traffic(spec()));
}

TEST_CASE("forged tunnel packets are dropped by where they come from and where they go") {
  TrafficSpec both = spec();
  both.networks.push_back({net("fd00:10:244::/48"), net("fd00:10:244:1::/64")});
  CHECK(plan_traffic(both)[0].tunnel_input.empty());
  both.networks[0].tunnel = Tunnel{"flannel.1", 8472};
  both.networks[1].tunnel = Tunnel{"flannel-v6.1", 4789};
  both.masquerade = both.forward = false;
  const auto plans = plan_traffic(both);
  REQUIRE(plans[0].tunnel_input.size() == 3);
  CHECK(plans[0].tunnel_input[0].source->net == net("10.244.0.0/16"));
  CHECK(plans[0].tunnel_input[2].input_link == "flannel.1");
  REQUIRE(plans[1].tunnel_input.size() == 4);
  CHECK(plans[1].tunnel_input[1].source->net == net("fe80::/10"));
  CHECK(plans[1].tunnel_forward[0].destination == AddressMatch{net("fd00:10:244::/48"), false});
  for (const auto* rules : {&plans[1].tunnel_input, &plans[1].tunnel_forward})
    for (const TrafficRule& rule : *rules) {
      CHECK(rule.udp_port == 4789);
      CHECK(rule.action == TrafficAction::drop);
    }
}
