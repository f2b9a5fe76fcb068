#include "flanneld/agent/tunnel_status.h"

#include <doctest/doctest.h>

#include <memory>

#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;

namespace {

const auto kTunnelTime = std::chrono::sys_seconds(std::chrono::hours(500'000));

netlink::WireguardKey key_of(uint8_t byte) {
  netlink::WireguardKey key;
  key.fill(byte);
  return key;
}

PeerPlan plan_of(uint8_t byte, const std::string& subnet) {
  PeerPlan plan;
  plan.tunnel_peers = {{.link = "flannel-wg",
                        .public_key = key_of(byte),
                        .endpoint = {ip("192.0.2.9"), 1},
                        .allowed = {net(subnet)}}};
  return plan;
}

}  // namespace

TEST_CASE("tunnel status: where a peer is, when it last shook hands, and what went both ways") {
  const TunnelStates states{{"flannel-wg",
                             {.peers = {{.public_key = key_of(2),
                                         .endpoint = netlink::WireguardEndpoint{ip("2001:db8::2"), 51820},
                                         .last_handshake = kTunnelTime - std::chrono::seconds(12),
                                         .received = 7,
                                         .sent = 9},
                                        {.public_key = key_of(3)}}}}};
  const TunnelLookup lookup(states);
  const auto known = tunnels_json(plan_of(2, "10.5.2.0/24"), lookup, kTunnelTime);
  CHECK(
      known.dump() ==
      R"([{"device":"flannel-wg","endpoint":"[2001:db8::2]:51820","handshakeSecondsAgo":12,"received":7,"sent":9}])");
  CHECK(tunnels_json(plan_of(3, "10.5.3.0/24"), lookup, kTunnelTime)[0]["handshakeSecondsAgo"].is_null());
  CHECK(tunnels_json(plan_of(4, "10.5.4.0/24"), lookup, kTunnelTime).empty());

  PeerPlans plans;
  plans[key("10.5.2.0-24")] = {std::make_shared<const PeerPlan>(plan_of(2, "10.5.2.0/24")), 1};
  plans[key("10.5.3.0-24")] = {std::make_shared<const PeerPlan>(plan_of(3, "10.5.3.0/24")), 2};
  const std::string text = tunnel_metrics(plans, lookup, kTunnelTime);
  CHECK(contains(text, "flanneld_wireguard_peers_silent 1\n"));
  CHECK(contains(text,
                 R"(flanneld_wireguard_handshake_age_seconds{device="flannel-wg",subnet="10.5.2.0/24"} 12)"));
  CHECK(contains(text, R"(flanneld_wireguard_sent_bytes_total{device="flannel-wg",subnet="10.5.2.0/24"} 9)"));
  CHECK(tunnel_metrics(plans, TunnelLookup({}), kTunnelTime).empty());
}
