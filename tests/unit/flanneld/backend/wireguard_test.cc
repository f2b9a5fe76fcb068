#include "flanneld/backend/wireguard.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "flanneld/backend/registry.h"
#include "flanneld/backend/wireguard_lease_data.h"
#include "flanneld/node/wireguard_key.h"
#include "tests/unit/flanneld/backend/node.h"

using flanneld::Lease;
using flanneld::PeerPlan;
using flanneld::PlannedTunnelPeer;
using flanneld::WireguardDevice;
using flanneld::WireguardLeaseData;
using namespace flanneld_test;

namespace {

const std::string kOwnPublic = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=";
const std::string kPeerKey = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";

std::string data(int port, const std::string& key = kPeerKey) {
  return R"({"PublicKey":")" + key + R"(","Port":)" + std::to_string(port) + "}";
}

struct WireguardNode {
  explicit WireguardNode(const std::string& options = "", const std::string& more = "")
      : config(flanneld::NetworkConfig::parse(R"({"Network":"10.244.0.0/16","Backend":{"Type":"wireguard")" +
                                              options + "}" + more + "}")) {
    external.ifindex = 5;
    external.name = "eth0";
    external.mtu = 1500;
    external.ipv4 = external.public_ipv4 = ip("192.0.2.1");
    external.ipv6 = external.public_ipv6 = ip("2001:db8::1");
  }
  [[nodiscard]] std::unique_ptr<flanneld::Backend> backend() const {
    return flanneld::make_backend(
        {.config = config,
         .external = external,
         .devices = {},
         .routes = {},
         .wireguard_key = flanneld::parse_wireguard_key("yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=")});
  }
  [[nodiscard]] PeerPlan plan(const Lease& peer) const { return backend()->peer_plan(peer); }
  [[nodiscard]] std::string failure() const {
    return parse_failure([&] { static_cast<void>(backend()); });
  }
  flanneld::NetworkConfig config;
  flanneld::ExternalInterface external;
};

Lease v4_peer(const std::string& backend_data = data(51820)) {
  Lease peer = lease("10.244.2.0-24", "198.51.100.2", backend_data);
  peer.attributes.backend_type = "wireguard";
  return peer;
}

Lease dual_wireguard_peer() {
  Lease peer = v4_peer();
  peer.key = key("10.244.2.0-24&fd00:10:0:2::-64");
  peer.attributes.public_ipv6 = ip("2001:db8::2");
  peer.attributes.backend_v6_data = data(51821);
  return peer;
}

netlink::WireguardEndpoint endpoint_of(const PeerPlan& plan) {
  REQUIRE(plan.tunnel_peers.size() == 1);
  return plan.tunnel_peers[0].endpoint;
}

}  // namespace

TEST_CASE("wireguard data: upstream's bytes, without a port too; no key but a whole one") {
  const auto parsed = WireguardLeaseData::parse(data(51820));
  CHECK(parsed.port == 51820);
  CHECK(parsed.format() == data(51820));
  CHECK(WireguardLeaseData::parse(R"({"PublicKey":")" + kPeerKey + "\"}").port == 0);
  for (const std::string text :
       {"{}", R"({"PublicKey":"eA=="})", R"({"PublicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="})",
        R"({"PublicKey":7})", "null",
        R"({"PublicKey":"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=","Port":70000})"})
    CHECK_THROWS_AS(WireguardLeaseData::parse(text), base::ParseError);
}

TEST_CASE("wireguard: publishes its key and the ports that its devices have") {
  const auto separate = WireguardNode("", kDual).backend()->attributes();
  CHECK(separate.backend_data == data(51820, kOwnPublic));
  CHECK(separate.backend_v6_data == data(51821, kOwnPublic));
  const auto one_device = WireguardNode(R"(,"Mode":"auto","ListenPort":4000)", kDual).backend()->attributes();
  CHECK(one_device.backend_data == data(4000, kOwnPublic));
  CHECK(one_device.backend_v6_data == data(4000, kOwnPublic));
  CHECK(WireguardNode().backend()->attributes().backend_v6_data.empty());
}

TEST_CASE("wireguard: a device per family, with what the underlay's header leaves of the MTU") {
  const auto backend =
      WireguardNode(R"(,"PSK":")" + kPeerKey + R"(","PersistentKeepaliveInterval":25)", kDual).backend();
  const auto own = key("10.244.1.0-24&fd00:10:0:1::-64");
  const auto plan = backend->node_plan(&own);
  REQUIRE(plan.devices.size() == 2);
  CHECK(plan.devices[0].name == "flannel-wg");
  CHECK(plan.devices[0].mtu == 1440);
  CHECK(plan.devices[0].address == net("10.244.1.0/32"));
  CHECK(plan.devices[1].name == "flannel-wg-v6");
  CHECK(plan.devices[1].mtu == 1420);
  CHECK(plan.devices[1].address == net("fd00:10:0:1::/128"));
  CHECK(backend->mtu() == 1420);
  const auto& device = std::get<WireguardDevice>(plan.devices[1].kind);
  CHECK(device.port == 51821);
  CHECK(device.keepalive == std::chrono::seconds(25));
  CHECK(device.preshared_key == flanneld::parse_wireguard_key(kPeerKey).value());
  CHECK(backend->tunnel_ports().size() == 2);
}

TEST_CASE("wireguard: one device carries both families in the other modes") {
  const auto own = key("10.244.1.0-24&fd00:10:0:1::-64");
  const struct {
    const char* mode;
    uint32_t mtu;
    size_t ports;
  } cases[] = {{"ipv4", 1440, 1}, {"ipv6", 1420, 1}, {"auto", 1420, 2}};
  for (const auto& one : cases) {
    const auto backend = WireguardNode(R"(,"Mode":")" + std::string(one.mode) + "\"", kDual).backend();
    const auto plan = backend->node_plan(&own);
    REQUIRE(plan.devices.size() == 1);
    CHECK(plan.devices[0].mtu == one.mtu);
    CHECK(plan.devices[0].address == net("10.244.1.0/32"));
    REQUIRE(plan.devices[0].other_family);
    CHECK(plan.devices[0].other_family->address == net("fd00:10:0:1::/128"));
    CHECK(backend->tunnel_ports().size() == one.ports);
  }
}

TEST_CASE("wireguard: no packet of the pod network leaves by another route") {
  const auto plan = WireguardNode("", kDual).backend()->node_plan(nullptr);
  CHECK(plan.blackholes == std::vector{net("10.244.0.0/16"), net("fd00:10::/48")});
}

TEST_CASE("wireguard: a peer per family, and a route for each subnet") {
  const PeerPlan plan = WireguardNode("", kDual).plan(dual_wireguard_peer());
  REQUIRE(plan.tunnel_peers.size() == 2);
  CHECK(plan.tunnel_peers[0] ==
        PlannedTunnelPeer{.link = "flannel-wg",
                          .public_key = flanneld::parse_wireguard_key(kPeerKey).value(),
                          .endpoint = {ip("198.51.100.2"), 51820},
                          .allowed = {net("10.244.2.0/24")}});
  CHECK(plan.tunnel_peers[1].link == "flannel-wg-v6");
  CHECK(plan.tunnel_peers[1].endpoint == netlink::WireguardEndpoint{ip("2001:db8::2"), 51821});
  REQUIRE(plan.routes.size() == 2);
  CHECK(plan.routes[1] == flanneld::PlannedRoute{.dst = net("fd00:10:0:2::/64"), .link = "flannel-wg-v6"});
}

TEST_CASE("wireguard: a peer that publishes no port has this node's") {
  CHECK(endpoint_of(
            WireguardNode(R"(,"ListenPort":4000)").plan(v4_peer(R"({"PublicKey":")" + kPeerKey + "\"}")))
            .port == 4000);
}

TEST_CASE("wireguard: one device sends by the family that the mode says, to the port that is open") {
  Lease peer = dual_wireguard_peer();  // as upstream publishes it: no device of it has the second port
  CHECK(endpoint_of(WireguardNode(R"(,"Mode":"ipv4")", kDual).plan(peer)) ==
        netlink::WireguardEndpoint{ip("198.51.100.2"), 51820});
  CHECK(endpoint_of(WireguardNode(R"(,"Mode":"ipv6")", kDual).plan(peer)) ==
        netlink::WireguardEndpoint{ip("2001:db8::2"), 51820});
  const WireguardNode automatic(R"(,"Mode":"auto")", kDual);
  CHECK(endpoint_of(automatic.plan(peer)).address == ip("198.51.100.2"));
  peer.attributes.public_ip = ip("192.168.7.2");
  CHECK(endpoint_of(automatic.plan(peer)).address == ip("2001:db8::2"));
  peer.attributes.public_ipv6 = ip("fd00::2");
  CHECK(endpoint_of(automatic.plan(peer)).address == ip("192.168.7.2"));
  CHECK(automatic.plan(peer).tunnel_peers[0].allowed ==
        std::vector{net("10.244.2.0/24"), net("fd00:10:0:2::/64")});
  CHECK(endpoint_of(WireguardNode(R"(,"Mode":"auto")").plan(v4_peer())).address == ip("198.51.100.2"));
}

TEST_CASE("wireguard: refuses its own key, two keys, and peers of other backends") {
  CHECK_THROWS_AS(WireguardNode().plan(v4_peer(data(51820, kOwnPublic))), base::ParseError);
  Lease peer = dual_wireguard_peer();
  peer.attributes.backend_v6_data = data(51821, "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=");
  CHECK_THROWS_AS(WireguardNode(R"(,"Mode":"auto")", kDual).plan(peer), base::ParseError);
  peer = v4_peer();
  peer.attributes.backend_type = "vxlan";
  CHECK_THROWS_AS(WireguardNode().plan(peer), base::ParseError);
}

TEST_CASE("wireguard: options that cannot be are refused, and no secret is told") {
  CHECK(contains(WireguardNode(R"(,"Mode":"ipv6")").failure(), "'ipv6' needs EnableIPv6"));
  CHECK(contains(WireguardNode(R"(,"Mode":"Auto")").failure(), "'Backend.Mode'"));
  CHECK(
      contains(WireguardNode(R"(,"ListenPort":51821)", kDual).failure(), "two devices cannot have one port"));
  CHECK(contains(WireguardNode(R"(,"PersistentKeepaliveInterval":"25s")").failure(),
                 "PersistentKeepaliveInterval"));
  CHECK(contains(WireguardNode(R"(,"ListenPort":0)").failure(), "ListenPort"));
  CHECK(contains(WireguardNode(R"(,"MTU":9000)").failure(), "more than the 1500 of interface 'eth0'"));
  for (const std::string secret : {"c2VjcmV0c2VjcmV0", "not base64"}) {
    const std::string text = WireguardNode(R"(,"PSK":")" + secret + "\"").failure();
    CHECK(contains(text, "'Backend.PSK' must be the base64 text of 32 bytes"));
    CHECK_FALSE(contains(text, secret));
  }
}
