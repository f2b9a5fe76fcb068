#include <doctest/doctest.h>

#include "flanneld/backend/registry.h"
#include "tests/unit/flanneld/backend/node.h"

using flanneld::NodePlan;
using flanneld::PeerPlan;
using namespace flanneld_test;

TEST_CASE("udp: a device, and a route of the whole network through it") {
  const auto backend = BackendNode(R"({"Type":"udp"})").backend();
  CHECK(backend->mtu() == 1472);
  CHECK(backend->attributes().format() == R"({"PublicIP":"192.0.2.1","PublicIPv6":null})");
  const auto own = key("10.244.1.0-24");
  const NodePlan plan = backend->node_plan(&own);
  REQUIRE(plan.devices.size() == 1);
  CHECK(plan.devices[0].name == "flannel0");
  CHECK(plan.devices[0].mtu == 1472);
  CHECK(plan.devices[0].address == net("10.244.1.0/32"));
  CHECK(plan.devices[0].link_kind() == "tun");
  REQUIRE(plan.routes.size() == 1);
  CHECK(plan.routes[0] == flanneld::PlannedRoute{.dst = net("10.244.0.0/16"), .link = "flannel0"});
  CHECK_FALSE(backend->node_plan(nullptr).devices[0].address);
  REQUIRE(backend->tunnel_ports().size() == 1);
  CHECK(backend->tunnel_ports()[0].port == 8285);
  CHECK(backend->hints().empty());
}

TEST_CASE("udp: a peer is reached at its public address, and sends from there") {
  const auto backend = BackendNode(R"({"Type":"udp","Port":9000})").backend();
  CHECK(backend->packet_tunnel()->port == 9000);
  flanneld::Lease peer = lease("10.244.2.0-24", "198.51.100.2", "");
  peer.attributes.backend_type = "";
  const PeerPlan plan = backend->peer_plan(peer);
  CHECK(plan.routes == std::vector{flanneld::PlannedRoute{.dst = net("10.244.2.0/24"), .link = "flannel0"}});
  CHECK(plan.senders == std::vector{ip("198.51.100.2")});
  CHECK(plan.remotes == std::vector{flanneld::PlannedRemote{net("10.244.2.0/24"), ip("198.51.100.2")}});
  peer.attributes.backend_type = "vxlan";
  CHECK(contains(parse_failure([&] { backend->peer_plan(peer); }),
                 "is of backend 'vxlan' instead of no backend ('udp' or 'alloc')"));
}

TEST_CASE("udp: it is at home at the interface's own address, behind a NAT too") {
  BackendNode node(R"({"Type":"udp"})");
  node.external.public_ipv4 = ip("203.0.113.9");
  CHECK(node.backend()->packet_tunnel()->local == ip("192.0.2.1"));
  CHECK(node.backend()->attributes().public_ip == ip("203.0.113.9"));
}

TEST_CASE("udp: it is taken when no backend is named, and says so; IPv6 it cannot carry") {
  BackendNode unnamed(R"({"Type":"udp"})");
  unnamed.config = flanneld::NetworkConfig::parse(R"({"Network":"10.244.0.0/16"})");
  REQUIRE(unnamed.backend()->hints().size() == 1);
  CHECK(contains(unnamed.backend()->hints()[0], R"("Type": "vxlan")"));
  const BackendNode dual(R"({"Type":"udp"})", kDual);
  REQUIRE(dual.backend()->hints().size() == 1);
  CHECK(contains(dual.backend()->hints()[0], "IPv4 alone"));
  CHECK(contains(failure(BackendNode(R"({"Type":"udp"})", std::string(kDual) + R"(,"EnableIPv4":false)")),
                 "IPv4 alone"));
}

TEST_CASE("udp: options") {
  CHECK(contains(failure(BackendNode(R"({"Type":"udp","Port":0})")), "Backend.Port"));
  CHECK(contains(failure(BackendNode(R"({"Type":"udp","Prt":1})")), "did you mean 'Port'"));
  BackendNode small(R"({"Type":"udp"})");
  small.external.mtu = 95;
  CHECK(contains(failure(small), "too small"));
}

TEST_CASE("udp: flannel0 and its like are known as its devices, other TUN devices are not") {
  CHECK(flanneld::find_device_overhead("tun", "flannel0") == 28);
  CHECK(flanneld::find_device_overhead("tun", "flannel12") == 28);
  for (const char* other : {"flannel", "flannel.1", "flannel0x", "tun0"})
    CHECK_FALSE(flanneld::find_device_overhead("tun", other));
  CHECK_FALSE(flanneld::find_device_overhead("veth", "flannel0"));
}
