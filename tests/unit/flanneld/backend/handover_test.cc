#include "flanneld/backend/handover.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "flanneld/backend/registry.h"
#include "tests/unit/flanneld/test_support.h"

using flanneld::Backend;
using flanneld::Handover;
using flanneld::Lease;
using flanneld::NetworkConfig;
using namespace flanneld_test;

namespace {

std::shared_ptr<const Backend> make(const std::string& backend) {
  const auto config = NetworkConfig::parse(R"({"Network":"10.244.0.0/16","Backend":)" + backend + "}");
  flanneld::ExternalInterface external;
  external.ifindex = 5;
  external.name = "eth0";
  external.mtu = 1500;
  external.ipv4 = external.public_ipv4 = ip("192.0.2.1");
  return flanneld::make_backend(
      {.config = config, .external = external, .devices = {}, .routes = {{net("192.0.2.0/24"), false}}});
}

Lease peer(const std::string& type, const std::string& data = "") {
  Lease result = lease("10.244.2.0-24", "192.0.2.2", data);
  result.attributes.backend_type = type;
  return result;
}

const std::string kFirst = R"({"VNI":1,"VtepMAC":"02:00:00:00:00:07"})";
const std::string kSecond = R"({"VNI":2,"VtepMAC":"02:00:00:00:00:08"})";

}  // namespace

TEST_CASE("handover: each peer is reached by the backend that it has, and the node publishes the new one") {
  const Handover both(make(R"({"Type":"host-gw"})"), make(R"({"Type":"vxlan"})"));
  CHECK(both.attributes().backend_type == "host-gw");
  CHECK(both.mtu() == 1450);
  const auto plan = both.node_plan(nullptr);
  REQUIRE(plan.devices.size() == 1);
  CHECK(plan.devices[0].name == "flannel.1");
  CHECK(plan.has_plain_routes);
  CHECK(std::count(plan.route_links.begin(), plan.route_links.end(), "eth0") == 1);
  CHECK(std::count(plan.route_links.begin(), plan.route_links.end(), "flannel.1") == 1);
  REQUIRE(both.tunnel_ports().size() == 1);

  CHECK(both.peer_plan(peer("host-gw")).routes.at(0).link == "eth0");
  // It may not know yet that this node has changed, and send by the tunnel.
  CHECK(both.peer_plan(peer("host-gw")).senders == std::vector{ip("192.0.2.2")});
  CHECK(both.peer_plan(peer("vxlan", kFirst)).routes.at(0).link == "flannel.1");
  CHECK(both.needs_former(peer("vxlan", kFirst)));
  CHECK_FALSE(both.needs_former(peer("host-gw")));
  CHECK_FALSE(both.serves(peer("udp")));
  CHECK(contains(parse_failure([&] { static_cast<void>(both.peer_plan(peer("udp"))); }),
                 "instead of backend 'host-gw'"));
}

TEST_CASE("handover: two numbers of a tunnel are two devices") {
  const auto first = make(R"({"Type":"vxlan"})"), second = make(R"({"Type":"vxlan","VNI":2})");
  REQUIRE(can_serve_beside(*first, *second));
  const Handover both(second, first);
  CHECK(both.peer_plan(peer("vxlan", kFirst)).routes.at(0).link == "flannel.1");
  CHECK(both.peer_plan(peer("vxlan", kSecond)).routes.at(0).link == "flannel.2");
  CHECK(both.tunnel_ports().size() == 2);
  CHECK_FALSE(first->serves(peer("vxlan", kSecond)));
  CHECK(first->serves(peer("vxlan", R"({"VtepMAC":"02:00:00:00:00:08"})")));
}

TEST_CASE("handover: there is none where both want one device, or peers see no difference") {
  const auto vxlan = make(R"({"Type":"vxlan"})"), host_gw = make(R"({"Type":"host-gw"})");
  CHECK(can_serve_beside(*vxlan, *host_gw));
  CHECK(can_serve_beside(*host_gw, *vxlan));
  CHECK_FALSE(can_serve_beside(*vxlan, *make(R"({"Type":"vxlan","Port":4789})")));
  CHECK_FALSE(can_serve_beside(*host_gw, *make(R"({"Type":"host-gw"})")));
}
