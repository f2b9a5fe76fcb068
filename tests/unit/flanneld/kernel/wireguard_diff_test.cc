// How the peers of a WireGuard device are compared.
#include <doctest/doctest.h>

#include "flanneld/kernel/diff.h"
#include "tests/unit/flanneld/kernel/bench.h"

using flanneld::Look;
using netlink::WireguardEndpoint;
using netlink::WireguardPeerChange;
using namespace flanneld_test;

namespace {

const std::string kLink = "flannel-wg";
const auto kNow = std::chrono::sys_seconds(std::chrono::hours(500'000));

flanneld::PeerPlan peer_plan(uint8_t key_byte, const std::string& address, const std::string& subnet) {
  return {.routes = {},
          .neighbours = {},
          .fdb = {},
          .tunnel_peers = {{.link = kLink,
                            .public_key = key_of(key_byte),
                            .endpoint = {ip(address), 51820},
                            .allowed = {net(subnet)}}}};
}

/// A node with one peer, and a device that has it.
struct WireguardBench : Bench {
  WireguardBench() {
    flanneld::Device device;
    device.name = kLink;
    device.kind =
        flanneld::WireguardDevice{.port = 51820, .private_key = key_of(9), .preshared_key = key_of(7)};
    plan.devices = {device};
    links = {};
    links.set(kLink, kVxlan);
    peers.clear();
    put("10.5.2.0-24", peer_plan(2, "192.0.2.2", "10.5.2.0/24"));
    actual = {};
    actual.now = kNow;
    actual.wireguard[kLink].peers = {{.public_key = key_of(2),
                                      .preshared_key = key_of(7),
                                      .endpoint = WireguardEndpoint{ip("192.0.2.2"), 51820},
                                      .allowed = {net("10.5.2.0/24")}}};
  }
  netlink::WireguardPeer& peer() { return actual.wireguard[kLink].peers.front(); }
  [[nodiscard]] std::vector<flanneld::TunnelPeerWrite> puts(Look look = Look::later) const {
    return flanneld::diff_kernel(desired(), plan, actual, links, look).put_tunnel_peers;
  }
};

}  // namespace

TEST_CASE("wireguard peers: an up-to-date device needs nothing, an empty one everything") {
  WireguardBench bench;
  CHECK(bench.diff().count() == 0);
  bench.actual.wireguard[kLink].peers.clear();
  REQUIRE(bench.puts().size() == 1);
  CHECK(bench.puts()[0] ==
        flanneld::TunnelPeerWrite{kLink,
                                  WireguardPeerChange{.public_key = key_of(2),
                                                      .preshared_key = key_of(7),
                                                      .endpoint = WireguardEndpoint{ip("192.0.2.2"), 51820},
                                                      .greet = true,
                                                      .allowed = {net("10.5.2.0/24")}}});
}

TEST_CASE("wireguard peers: a device that was down has lost its sessions, and greets") {
  WireguardBench bench;
  bench.peer().endpoint = WireguardEndpoint{ip("198.51.100.9"), 4000};
  bench.peer().last_handshake = kNow;
  bench.actual.risen = {kLink};
  REQUIRE(bench.puts().size() == 1);
  CHECK(bench.puts()[0].change.greet);
  CHECK_FALSE(bench.puts()[0].change.endpoint);
}

TEST_CASE("wireguard peers: what nobody needs is removed, also an old key of a node") {
  WireguardBench bench;
  bench.put("10.5.2.0-24", peer_plan(3, "192.0.2.2", "10.5.2.0/24"));
  const auto writes = bench.diff();
  REQUIRE(writes.put_tunnel_peers.size() == 1);
  CHECK(writes.put_tunnel_peers[0].change.public_key == key_of(3));
  REQUIRE(writes.remove_tunnel_peers.size() == 1);
  CHECK(writes.remove_tunnel_peers[0].change == WireguardPeerChange{.public_key = key_of(2), .remove = true});
}

TEST_CASE(
    "wireguard peers: one that is reached by another tunnel now may send by this one for as long as it is "
    "there") {
  WireguardBench bench;
  const auto before = bench.peers;
  bench.put("10.5.2.0-24", tunnel_peer("10.5.2.0/24", "192.0.2.2", 2));
  CHECK(bench.diff().remove_tunnel_peers.empty());
  CHECK(bench.diff_from(before).remove_tunnel_peers.empty());
}

TEST_CASE("wireguard peers: changed settings are put without moving the peer") {
  WireguardBench bench;
  bench.peer().endpoint = WireguardEndpoint{ip("198.51.100.9"), 4000};
  bench.peer().last_handshake = kNow - std::chrono::hours(1);
  CHECK(bench.puts().empty());  // it roams
  bench.peer().keepalive = std::chrono::seconds(25);
  REQUIRE(bench.puts().size() == 1);
  CHECK_FALSE(bench.puts()[0].change.endpoint);
  bench.peer().keepalive = {};
  bench.peer().preshared_key = {};
  CHECK(bench.puts().size() == 1);
  bench.peer().preshared_key = key_of(7);
  bench.peer().allowed.push_back(net("10.5.9.0/24"));
  CHECK(bench.puts().size() == 1);
}

TEST_CASE("wireguard peers: one that has never been heard of is where its lease says") {
  WireguardBench bench;
  bench.peer().endpoint = WireguardEndpoint{ip("198.51.100.9"), 4000};
  REQUIRE(bench.puts().size() == 1);
  CHECK(bench.puts()[0].change.endpoint == WireguardEndpoint{ip("192.0.2.2"), 51820});
}

TEST_CASE("wireguard peers: after a start the lease counts for those that have been silent for long") {
  WireguardBench bench;
  bench.peer().endpoint = WireguardEndpoint{ip("198.51.100.9"), 4000};
  bench.peer().last_handshake = kNow - std::chrono::minutes(1);
  CHECK(bench.puts(Look::first).empty());
  bench.peer().last_handshake = kNow - std::chrono::minutes(4);
  REQUIRE(bench.puts(Look::first).size() == 1);
  CHECK(bench.puts(Look::first)[0].change.endpoint);
}

TEST_CASE("wireguard peers: a renewed lease moves nobody, a lease with another address does") {
  WireguardBench bench;
  const auto before = bench.peers;
  bench.put("10.5.2.0-24", peer_plan(2, "192.0.2.2", "10.5.2.0/24"));
  CHECK(bench.diff_from(before).count() == 0);
  bench.put("10.5.2.0-24", peer_plan(2, "192.0.2.77", "10.5.2.0/24"));
  auto writes = bench.diff_from(before);
  REQUIRE(writes.put_tunnel_peers.size() == 1);
  CHECK(writes.put_tunnel_peers[0].change.endpoint == WireguardEndpoint{ip("192.0.2.77"), 51820});
  bench.remove("10.5.2.0-24");
  writes = bench.diff_from(before);
  REQUIRE(writes.remove_tunnel_peers.size() == 1);
}
