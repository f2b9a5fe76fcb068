#include "cni-flannel/pod/plan.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "common/cni/error.h"
#include "tests/unit/cni-flannel/test_support.h"

using cni::Error;
using flannel_test::bridge_conf;

namespace {

cni::Result ipam_result(const std::string& json) {
  return cni::Result::parse(json::Value::parse(json), "1.0.0");
}

const base::MacAddress kMac = *base::MacAddress::parse("02:00:00:00:00:03");

flannel::Plan plan_of(const flannel::BridgeConf& conf, const cni::Result& ipam) {
  return flannel::make_plan(conf, ipam, kMac, 2);
}

/// Three addresses of two families, one with a gateway of its own, and a route with another.
flannel::Plan dual_stack_plan() {
  const auto conf = bridge_conf(R"({"isDefaultGateway":true})");
  return plan_of(
      conf,
      ipam_result(
          R"({"ips":[{"address":"10.1.17.2/24"},{"address":"10.1.17.3/24","gateway":"10.1.17.1"},{"address":"fc00::2/64","gateway":"fc00::1"}],"routes":[{"dst":"10.1.0.0/16"},{"dst":"fc00::/48"},{"dst":"10.9.0.0/16","gw":"10.1.17.9"}]})"));
}

}  // namespace

TEST_CASE("plan: each gateway is an address of the host once") {
  const auto plan = dual_stack_plan();
  CHECK(plan.gateway_addresses ==
        std::vector<base::IpNet>{*base::IpNet::parse("10.1.17.1/24"), *base::IpNet::parse("fc00::1/64")});
}

TEST_CASE("plan: routes go by their gateway, with one default route for each family") {
  const auto plan = dual_stack_plan();
  std::string routes;
  for (const auto& route : plan.container_routes) routes += route.str() + "; ";
  CHECK(routes ==
        "10.1.0.0/16 via 10.1.17.1; fc00::/48 via fc00::1; 10.9.0.0/16 via 10.1.17.9; 0.0.0.0/0 via "
        "10.1.17.1; ::/0 via fc00::1; ");
}

TEST_CASE("plan: the result tells each address's gateway and the container's interface") {
  const auto plan = dual_stack_plan();
  CHECK(plan.result_ips[0].gateway->str() == "10.1.17.1");
  CHECK(plan.result_ips[0].interface == 2);
  CHECK(plan.families.v6);
}

TEST_CASE("plan: the container's MAC follows from its IPv4 address") {
  const auto dual = ipam_result(R"({"ips":[{"address":"fc00::2/64"},{"address":"10.1.17.2/24"}]})");
  const auto follows = plan_of(bridge_conf(R"({"isGateway":true})"), dual);
  CHECK(follows.container_mac.str() == "0a:58:0a:01:11:02");
}

TEST_CASE("plan: the MAC is as given without a gateway, without an IPv4 address, or when one was asked for") {
  const auto dual = ipam_result(R"({"ips":[{"address":"fc00::2/64"},{"address":"10.1.17.2/24"}]})");
  const auto v6 = ipam_result(R"({"ips":[{"address":"fc00::2/64"}]})");
  const std::string asked = R"({"isGateway":true,"runtimeConfig":{"mac":"02:00:00:00:00:03"}})";
  for (const auto& plan :
       {plan_of(bridge_conf("{}"), dual), plan_of(bridge_conf(R"({"isGateway":true})"), v6),
        plan_of(bridge_conf(asked), dual)}) {
    CHECK(plan.container_mac == kMac);
  }
}

TEST_CASE("plan: a default route of the IPAM is not doubled") {
  const auto conf = bridge_conf(R"({"isDefaultGateway":true})");
  const auto plan =
      plan_of(conf, ipam_result(R"({"ips":[{"address":"10.1.17.2/24"}],"routes":[{"dst":"0.0.0.0/0"}]})"));
  REQUIRE(plan.container_routes.size() == 1);
  CHECK(plan.container_routes[0].gw->str() == "10.1.17.1");
}

TEST_CASE("plan: without isGateway there is no gateway") {
  const auto plan =
      plan_of(bridge_conf("{}"),
              ipam_result(R"({"ips":[{"address":"10.1.17.2/24"}],"routes":[{"dst":"10.1.0.0/16"}]})"));
  CHECK(plan.gateway_addresses.empty());
  CHECK_FALSE(plan.container_routes[0].gw.has_value());
}

TEST_CASE("plan: an IPAM result without addresses is refused") {
  CHECK_THROWS_AS(plan_of(bridge_conf("{}"), cni::Result{}), Error);
}

TEST_CASE("plan: the delegate's dns replaces the IPAM's") {
  const auto ipam = ipam_result(R"({"ips":[{"address":"10.1.17.2/24"}],"dns":{"domain":"ipam"}})");
  CHECK(plan_of(bridge_conf("{}"), ipam).dns.domain == "ipam");
  CHECK(plan_of(bridge_conf(R"({"dns":{"domain":"conf"}})"), ipam).dns.domain == "conf");
}
