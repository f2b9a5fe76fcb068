#include "cni-flannel/ptp/routing.h"

#include <doctest/doctest.h>

#include <string>

#include "cni-flannel/ptp/conf.h"
#include "tests/unit/cni-flannel/test_support.h"

namespace {

const base::MacAddress kMac = *base::MacAddress::parse("02:00:00:00:00:03");

/// Two addresses of one subnet, and one of the other family.
flannel::Plan routed_plan() {
  const auto conf = flannel::ptp::parse_conf(flannel_test::request_for("{}"));
  auto plan = flannel::make_plan(
      conf,
      cni::Result::parse(
          json::Value::parse(
              R"({"ips":[{"address":"10.1.17.2/24"},{"address":"10.1.17.3/24"},{"address":"fc00::2/64"}],"routes":[{"dst":"10.1.0.0/16"}]})"),
          "1.0.0"),
      kMac, 1);
  flannel::ptp::route_by_gateways(plan);
  return plan;
}

}  // namespace

TEST_CASE("ptp: a pod reaches all but its gateway by its gateway") {
  const auto plan = routed_plan();
  CHECK(plan.prefix_routes == netlink::PrefixRoute::no);
  std::string routes;
  for (const auto& route : plan.container_routes)
    routes += route.str() + (route.prefsrc ? " src " + route.prefsrc->str() : "") + "; ";
  CHECK(
      routes ==
      "10.1.17.1/32 src 10.1.17.2; 10.1.17.0/24 via 10.1.17.1 src 10.1.17.2; 10.1.17.1/32 src 10.1.17.3; "
      "10.1.17.0/24 via 10.1.17.1 src 10.1.17.3; fc00::1/128 src fc00::2; fc00::/64 via fc00::1 src fc00::2; "
      "10.1.0.0/16 via 10.1.17.1; ");
}

TEST_CASE("ptp: the node has each gateway's address once, and a route and an entry for each of the pod's") {
  const auto plan = routed_plan();
  const auto side = flannel::ptp::host_side(plan, 7);
  CHECK(side.gateways ==
        std::vector<base::IpNet>{*base::IpNet::parse("10.1.17.1/32"), *base::IpNet::parse("fc00::1/128")});
  REQUIRE(side.routes.size() == 3);
  CHECK(side.routes[1].dst == *base::IpNet::parse("10.1.17.3/32"));
  CHECK(side.routes[1].ifindex == 7);
  REQUIRE(side.neighbours.size() == 3);
  CHECK(side.neighbours[2].address.str() == "fc00::2");
  CHECK(side.neighbours[2].mac == plan.container_mac);
}

TEST_CASE("ptp: what takes a bridge is refused unless it says no") {
  CHECK_THROWS(flannel::ptp::parse_conf(flannel_test::request_for(R"({"allowAnySource":true})")));
  CHECK_THROWS(flannel::ptp::parse_conf(flannel_test::request_for(R"({"allowedSources":["10.0.0.1"]})")));
  CHECK_NOTHROW(flannel::ptp::parse_conf(
      flannel_test::request_for(R"({"allowAnySource":false,"allowNestedMacs":null,"allowedSources":[]})")));
}
