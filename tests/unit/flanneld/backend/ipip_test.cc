#include <doctest/doctest.h>

#include "common/netlink/ipip.h"
#include "flanneld/backend/registry.h"
#include "tests/unit/flanneld/backend/node.h"

using flanneld::NodePlan;
using flanneld::PlannedRoute;
using namespace flanneld_test;

namespace {

flanneld::Lease ipip_peer(const char* address) {
  flanneld::Lease peer = lease("10.244.2.0-24", address, "");
  peer.attributes.backend_type = "ipip";
  return peer;
}

}  // namespace

TEST_CASE("ipip: a device that sends from the interface's own address, and a peer's route through it") {
  BackendNode node(R"({"Type":"ipip"})");
  node.external.public_ipv4 = ip("203.0.113.9");
  const auto backend = node.backend();
  CHECK(backend->mtu() == 1480);
  CHECK(backend->attributes().format() ==
        R"({"PublicIP":"203.0.113.9","PublicIPv6":null,"BackendType":"ipip"})");
  const auto own = key("10.244.1.0-24");
  const NodePlan plan = backend->node_plan(&own);
  REQUIRE(plan.devices.size() == 1);
  CHECK(plan.devices[0].name == "flannel.ipip");
  CHECK(plan.devices[0].mtu == 1480);
  CHECK(plan.devices[0].address == net("10.244.1.0/32"));
  CHECK(std::get<flanneld::IpipDevice>(plan.devices[0].kind).local == ip("192.0.2.1"));
  CHECK(backend->peer_plan(ipip_peer("198.51.100.2")).routes ==
        std::vector{PlannedRoute{
            .dst = net("10.244.2.0/24"), .gw = ip("198.51.100.2"), .link = "flannel.ipip", .onlink = true}});
  CHECK(contains(parse_failure([&] { backend->peer_plan(lease("10.244.2.0-24", "198.51.100.2")); }),
                 "is of backend 'vxlan' instead of backend 'ipip'"));
}

TEST_CASE("ipip: DirectRouting takes no tunnel to nodes on the same network") {
  const auto backend = BackendNode(R"({"Type":"ipip","DirectRouting":true})").backend();
  const auto link_to = [&](const char* address) {
    return backend->peer_plan(ipip_peer(address)).routes[0].link;
  };
  CHECK(link_to("192.0.2.2") == "eth0");
  CHECK(link_to("198.51.100.2") == "flannel.ipip");
  CHECK(backend->node_plan(nullptr).has_plain_routes);
  CHECK(contains(failure(BackendNode(R"({"Type":"ipip","DirectRouting":1})")), "Backend.DirectRouting"));
}

TEST_CASE("ipip: it carries IPv4 alone, and says so") {
  CHECK(contains(BackendNode(R"({"Type":"ipip"})", kDual).backend()->hints().at(0), "IPv4 alone"));
  CHECK(contains(failure(BackendNode(R"({"Type":"ipip"})", std::string(kDual) + R"(,"EnableIPv4":false)")),
                 "IPv4 alone"));
  CHECK(flanneld::find_device_overhead("ipip", "flannel.ipip") == 20);
  CHECK_FALSE(flanneld::find_device_overhead("ipip", "tunl0"));
}

TEST_CASE("ipip device: what another program made is used if it leads to all nodes from the right address") {
  const netlink::IpipSpec spec{.name = "flannel.ipip", .local = ip("192.0.2.1"), .mtu = 1480};
  netlink::IpipState state{.link = {}, .is_ipip = true, .local = ip("192.0.2.1")};
  CHECK_FALSE(incompatibility(state, spec));
  state.local = ip("192.0.2.9");
  CHECK(incompatibility(state, spec) == "its local address is 192.0.2.9 instead of 192.0.2.1");
  state = {.link = {}, .is_ipip = true, .local = ip("192.0.2.1"), .remote = ip("192.0.2.2")};
  CHECK(incompatibility(state, spec) == "it leads to 192.0.2.2 alone");
  state = {};
  state.link.kind = "sit";
  CHECK(incompatibility(state, spec) == "it is a 'sit' device");
}
