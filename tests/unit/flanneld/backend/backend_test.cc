#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "flanneld/backend/node_addresses.h"
#include "flanneld/backend/registry.h"
#include "flanneld/backend/vxlan.h"
#include "tests/unit/flanneld/backend/node.h"

using flanneld::Lease;
using flanneld::NodePlan;
using flanneld::PeerPlan;
using flanneld::VxlanDevice;
using namespace flanneld_test;

namespace {

const base::MacAddress kMac = base::MacAddress::parse("02:00:00:00:00:07").value();

const std::string kPeerData = R"({"VNI":1,"VtepMAC":"02:00:00:00:00:07"})";

Lease dual_vxlan_peer() {
  Lease peer = lease("10.244.2.0-24&fd00:10:0:2::-64", "198.51.100.2", kPeerData);
  peer.attributes.public_ipv6 = ip("2001:db8::2");
  peer.attributes.backend_v6_data = R"({"VNI":1,"VtepMAC":"02:00:00:00:00:08"})";
  return peer;
}

}  // namespace

TEST_CASE("vxlan: a peer with this node's own MAC is refused, whichever the family") {
  BackendNode node(R"({"Type":"vxlan"})", kDual);
  const auto backend = node.backend();
  Lease peer = dual_vxlan_peer();
  CHECK(parse_failure([&] { backend->peer_plan(peer); }).empty());
  peer.attributes.backend_v6_data = backend->attributes().backend_v6_data;
  CHECK(contains(parse_failure([&] { backend->peer_plan(peer); }), "this node's own 'flannel-v6.1'"));
  peer = dual_vxlan_peer();
  peer.attributes.backend_data = backend->attributes().backend_data;
  CHECK(contains(parse_failure([&] { backend->peer_plan(peer); }), "this node's own 'flannel.1'"));
}

TEST_CASE("backend: the configuration names it") {
  CHECK(contains(failure(BackendNode(R"({"Type":"ipsec"})")),
                 "'ipsec' is not supported; it must be 'vxlan', "));
  CHECK(failure(BackendNode(R"({"Type":"VXLAN"})")).empty());
}

TEST_CASE("vxlan: options") {
  CHECK(contains(failure(BackendNode(R"({"Type":"vxlan","VNI":"1"})")), "Backend.VNI"));
  CHECK(contains(failure(BackendNode(R"({"Type":"vxlan","DirectRoute":true})")),
                 "no key 'Backend.DirectRoute'; did you mean 'DirectRouting'?"));
  CHECK(contains(failure(BackendNode(R"({"Type":"vxlan","VNI":16777216})")), "Backend.VNI"));
  CHECK(contains(failure(BackendNode(R"({"Type":"vxlan","VNI":10000000})")), "flannel.10000000"));
  CHECK(contains(failure(BackendNode(R"({"Type":"vxlan","Port":65536})")), "Backend.Port"));
  CHECK(contains(failure(BackendNode(R"({"Type":"vxlan","Learning":1})")), "Backend.Learning"));
  CHECK(contains(failure(BackendNode(R"({"Type":"vxlan","MTU":100})")), "too small"));
  CHECK(contains(failure(BackendNode(R"({"Type":"vxlan","MTU":1349})", kDual)), "1350"));
  const BackendNode node(R"({"Type":"vxlan","VNI":4096,"Port":4789,"MTU":1400,"Learning":true,"GBP":true,
                      "ChecksumOffload":false})");
  const NodePlan plan = node.backend()->node_plan(nullptr);
  REQUIRE(plan.devices.size() == 1);
  CHECK(plan.devices[0].name == "flannel.4096");
  CHECK(plan.devices[0].mtu == 1350);
  const auto& vxlan = std::get<VxlanDevice>(plan.devices[0].kind);
  CHECK(vxlan.vni == 4096);
  CHECK(vxlan.port == 4789);
  CHECK(vxlan.learning);
  CHECK(vxlan.gbp);
  CHECK_FALSE(plan.devices[0].tx_checksum);
  CHECK_FALSE(plan.devices[0].address);
}

TEST_CASE("vxlan: what the node needs and publishes") {
  const BackendNode node(R"({"Type":"vxlan"})", kDual);
  const auto backend = node.backend();
  const flanneld::LeaseKey own = key("10.244.1.0-24&fd00:10:0:1::-64");
  const NodePlan plan = backend->node_plan(&own);
  REQUIRE(plan.devices.size() == 2);
  CHECK(plan.devices[0].name == "flannel.1");
  CHECK(plan.devices[0].lower == 5);
  CHECK(plan.devices[0].mtu == 1450);
  CHECK(std::get<VxlanDevice>(plan.devices[0].kind).local == ip("192.0.2.1"));
  CHECK(plan.devices[0].address == net("10.244.1.0/32"));
  CHECK(plan.devices[0].network == net("10.244.0.0/16"));
  CHECK(plan.devices[0].tx_checksum);
  CHECK(plan.devices[1].name == "flannel-v6.1");
  CHECK(plan.devices[1].mtu == 1430);
  CHECK(plan.devices[1].address == net("fd00:10:0:1::/128"));
  CHECK(plan.route_links == std::vector<std::string>{"flannel.1", "flannel-v6.1", "eth0"});
  CHECK(backend->mtu() == 1430);
  const auto attributes = backend->attributes();
  CHECK(attributes.backend_type == "vxlan");
  CHECK(attributes.backend_data == R"({"VNI":1,"VtepMAC":")" + plan.devices[0].mac->str() + R"("})");
  CHECK(attributes.backend_v6_data == R"({"VNI":1,"VtepMAC":")" + plan.devices[1].mac->str() + R"("})");
}

TEST_CASE("vxlan: behind a NAT packets leave from the interface's own address") {
  BackendNode node(R"({"Type":"vxlan"})");
  node.external.public_ipv4 = ip("203.0.113.9");
  const auto backend = node.backend();
  CHECK(backend->attributes().public_ip == ip("203.0.113.9"));
  CHECK(std::get<VxlanDevice>(backend->node_plan(nullptr).devices[0].kind).local == ip("192.0.2.1"));
}

TEST_CASE("vxlan: the hardware address stays") {
  const auto one = flanneld::derive_vtep_mac(1, ip("192.0.2.1"), ip("192.0.2.1"));
  CHECK(one == flanneld::derive_vtep_mac(1, ip("192.0.2.1"), ip("192.0.2.1")));
  CHECK(one != flanneld::derive_vtep_mac(2, ip("192.0.2.1"), ip("192.0.2.1")));
  CHECK(one != flanneld::derive_vtep_mac(1, ip("192.0.2.2"), ip("192.0.2.2")));
  CHECK(one !=
        flanneld::derive_vtep_mac(1, ip("192.0.2.1"), ip("10.0.2.15")));  // nodes behind one NAT differ
  CHECK((one.bytes[0] & 3) == 2);
  BackendNode node(R"({"Type":"vxlan"})");
  CHECK(node.backend()->node_plan(nullptr).devices[0].mac == one);
  flanneld::Device existing;
  existing.name = "flannel.1";
  existing.mac = kMac;
  existing.kind = VxlanDevice{.vni = 1};
  node.devices = {existing};
  CHECK(node.backend()->node_plan(nullptr).devices[0].mac == kMac);
  node.devices[0].kind = VxlanDevice{.vni = 2};
  CHECK(node.backend()->node_plan(nullptr).devices[0].mac == one);
}

TEST_CASE("vxlan: a device that is gone gets the hardware address that was published") {
  BackendNode node(R"({"Type":"vxlan"})", kDual);
  const auto derived = node.backend()->attributes();
  node.published.backend_type = "vxlan";
  node.published.backend_data = kPeerData;
  CHECK(node.backend()->attributes().backend_data == kPeerData);
  CHECK(node.backend()->attributes().backend_v6_data == derived.backend_v6_data);
  for (const char* other :
       {R"({"VNI":2,"VtepMAC":"02:00:00:00:00:07"})", R"({"VNI":1,"VtepMAC":"nonsense"})", "{"}) {
    node.published.backend_data = other;
    CHECK(node.backend()->attributes() == derived);
  }
  node.published.backend_data = kPeerData;
  node.published.backend_type = "host-gw";
  CHECK(node.backend()->attributes() == derived);
}

TEST_CASE("vxlan: a peer's three objects per family") {
  const PeerPlan plan = BackendNode(R"({"Type":"vxlan"})", kDual).backend()->peer_plan(dual_vxlan_peer());
  REQUIRE(plan.routes.size() == 2);
  CHECK(plan.routes[0] == flanneld::PlannedRoute{net("10.244.2.0/24"), ip("10.244.2.0"), "flannel.1", true});
  CHECK(plan.routes[1] ==
        flanneld::PlannedRoute{net("fd00:10:0:2::/64"), ip("fd00:10:0:2::"), "flannel-v6.1", true});
  CHECK(plan.neighbours[0] == flanneld::PlannedNeighbour{"flannel.1", ip("10.244.2.0"), kMac});
  CHECK(plan.fdb[0] == flanneld::PlannedFdbEntry{"flannel.1", kMac, ip("198.51.100.2")});
  CHECK(plan.fdb[1].dst == ip("2001:db8::2"));

  const PeerPlan v4_only = BackendNode(R"({"Type":"vxlan"})").backend()->peer_plan(dual_vxlan_peer());
  CHECK(v4_only.routes.size() == 1);
  CHECK(v4_only.fdb.size() == 1);
}

TEST_CASE("vxlan: direct routing where no gateway is in between") {
  const auto backend = BackendNode(R"({"Type":"vxlan","DirectRouting":true})").backend();
  const PeerPlan near = backend->peer_plan(lease("10.244.2.0-24", "192.0.2.2", kPeerData));
  CHECK(near.neighbours.empty());
  CHECK(near.fdb.empty());
  REQUIRE(near.routes.size() == 1);
  CHECK(near.routes[0] == flanneld::PlannedRoute{net("10.244.2.0/24"), ip("192.0.2.2"), "eth0", false});
  CHECK(backend->peer_plan(lease("10.244.2.0-24", "198.51.100.2", kPeerData)).fdb.size() == 1);
}

TEST_CASE("vxlan: leases that cannot be used") {
  const auto backend = BackendNode(R"({"Type":"vxlan"})", kDual).backend();
  const auto reason = [&](const Lease& peer) {
    return parse_failure([&] { static_cast<void>(backend->peer_plan(peer)); });
  };
  Lease peer = dual_vxlan_peer();
  peer.attributes.backend_type = "host-gw";
  CHECK(contains(reason(peer), "'host-gw' instead of backend 'vxlan'"));
  peer = dual_vxlan_peer();
  peer.attributes.backend_type.clear();
  CHECK(contains(reason(peer), "no backend"));
  peer = dual_vxlan_peer();
  peer.attributes.public_ip = ip("0.0.0.0");
  CHECK(contains(reason(peer), "public IPv4"));
  peer = dual_vxlan_peer();
  peer.attributes.public_ipv6.reset();
  CHECK(contains(reason(peer), "public IPv6"));
  peer = dual_vxlan_peer();
  peer.attributes.backend_v6_data.clear();
  CHECK(contains(reason(peer), "10.244.2.0/24"));
  // A node without IPv6 in a cluster that is turning to it.
  CHECK(backend->peer_plan(lease("10.244.2.0-24", "198.51.100.2", kPeerData)).routes.size() == 1);
}

TEST_CASE("vxlan: pods are kept from the UDP port of each family's device") {
  const auto ports = BackendNode(R"({"Type":"vxlan"})", kDual).backend()->tunnel_ports();
  REQUIRE(ports.size() == 2);
  CHECK(ports[0] == flanneld::TunnelPort{base::Family::v4, "flannel.1", 8472});
  CHECK(ports[1] == flanneld::TunnelPort{base::Family::v6, "flannel-v6.1", 8472});
  CHECK(BackendNode(R"({"Type":"host-gw"})").backend()->tunnel_ports().empty());
}

TEST_CASE("routes: the most specific one says whether an address is directly connected") {
  const std::vector<flanneld::HostRoute> routes{
      {net("0.0.0.0/0"), true}, {net("192.0.2.0/24"), false}, {net("192.0.2.128/25"), true}};
  CHECK(is_directly_connected(routes, ip("192.0.2.7")));
  CHECK_FALSE(is_directly_connected(routes, ip("192.0.2.130")));
  CHECK_FALSE(is_directly_connected(routes, ip("198.51.100.1")));
  CHECK_FALSE(is_directly_connected(routes, ip("2001:db8::1")));
}

TEST_CASE("backends know their devices by kind and name") {
  CHECK(flanneld::find_device_overhead("vxlan", "flannel.1") == 50);
  CHECK(flanneld::find_device_overhead("vxlan", "flannel.4096") == 50);
  CHECK(flanneld::find_device_overhead("vxlan", "flannel-v6.1") == 70);
  CHECK_FALSE(flanneld::find_device_overhead("veth", "flannel.1"));
  for (const char* other : {"flannel.", "flannel.x", "flannel.1a", "flannel1", "flannel.ipip", "vxlan.1", ""})
    CHECK_FALSE(flanneld::find_device_overhead("vxlan", other));
}

TEST_CASE("host-gw") {
  BackendNode node(R"({"Type":"host-gw"})");
  const auto backend = node.backend();
  CHECK(backend->mtu() == 1500);
  CHECK(backend->attributes().backend_type == "host-gw");
  CHECK(backend->attributes().backend_data.empty());
  Lease peer = lease("10.244.2.0-24", "192.0.2.2");
  peer.attributes.backend_type = "host-gw";
  const PeerPlan plan = backend->peer_plan(peer);
  REQUIRE(plan.routes.size() == 1);
  CHECK(plan.routes[0] == flanneld::PlannedRoute{net("10.244.2.0/24"), ip("192.0.2.2"), "eth0", false});
  CHECK(backend->node_plan(nullptr).devices.empty());
  CHECK(backend->node_plan(nullptr).route_links == std::vector<std::string>{"eth0"});

  node.external.public_ipv4 = ip("203.0.113.9");
  CHECK(contains(failure(node), "203.0.113.9 is not that of interface 'eth0' (192.0.2.1)"));
  node.external.public_ipv4.reset();
  CHECK(contains(failure(node), "no IPv4 address"));
}

TEST_CASE("alloc: a subnet and no more") {
  const auto backend = BackendNode(R"({"Type":"alloc"})").backend();
  CHECK(backend->attributes().backend_type.empty());
  CHECK(backend->attributes().public_ip == ip("192.0.2.1"));
  CHECK(backend->mtu() == 1500);
  CHECK(backend->node_plan(nullptr).devices.empty());
  CHECK(backend->node_plan(nullptr).route_links == std::vector<std::string>{"eth0"});  // of host-gw before
  CHECK(backend->peer_plan(lease("10.244.2.0-24", "192.0.2.2")) == PeerPlan{});
}
