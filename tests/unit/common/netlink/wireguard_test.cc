#include "common/netlink/wireguard.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>

#include <cstring>

#include "tests/unit/flanneld/test_support.h"

using flanneld_test::ip;
using flanneld_test::net;
using netlink::Message;
using netlink::WireguardKey;
using netlink::WireguardState;

namespace {

WireguardKey key(uint8_t byte) {
  WireguardKey result;
  result.fill(byte);
  return result;
}

Message part() {
  Message message(20, 0);
  message.header(genlmsghdr{.cmd = WG_CMD_GET_DEVICE, .version = 1, .reserved = 0});
  return message;
}

void put_allowed(Message& message, const base::IpNet& allowed) {
  message.nest(0, [&] {
    message.put_u16(WGALLOWEDIP_A_FAMILY, static_cast<uint16_t>(allowed.address.af()));
    message.put(WGALLOWEDIP_A_IPADDR, allowed.address.data(), allowed.address.size());
    message.put_u8(WGALLOWEDIP_A_CIDR_MASK, allowed.prefix);
  });
}

/// A peer's first part, with one allowed network.
void put_peer(Message& message, uint8_t byte, const base::IpNet& allowed) {
  const WireguardKey public_key = key(byte);
  message.nest(0, [&] {
    message.put(WGPEER_A_PUBLIC_KEY, public_key.data(), public_key.size());
    sockaddr_in endpoint{};
    endpoint.sin_family = AF_INET;
    endpoint.sin_port = htons(51820);
    endpoint.sin_addr.s_addr = htonl(0xc0000200U + byte);
    message.put(WGPEER_A_ENDPOINT, &endpoint, sizeof endpoint);
    message.put_u16(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 25);
    const uint64_t bytes = 1ULL << 33;
    message.put(WGPEER_A_RX_BYTES, &bytes, sizeof bytes);
    const std::array<int64_t, 2> time{1'700'000'000, 5};
    message.put(WGPEER_A_LAST_HANDSHAKE_TIME, &time, sizeof time);
    message.nest(WGPEER_A_ALLOWEDIPS, [&] { put_allowed(message, allowed); });
  });
}

}  // namespace

TEST_CASE("wireguard: a device that is told of in two parts, which divide a peer") {
  Message first = part(), second = part();
  const WireguardKey own = key(9);
  first.put(WGDEVICE_A_PRIVATE_KEY, own.data(), own.size()).put_u16(WGDEVICE_A_LISTEN_PORT, 51820);
  first.nest(WGDEVICE_A_PEERS, [&] {
    put_peer(first, 1, net("10.5.1.0/24"));
    put_peer(first, 2, net("10.5.2.0/24"));
  });
  const WireguardKey divided = key(2);
  second.nest(WGDEVICE_A_PEERS, [&] {
    second.nest(0, [&] {
      second.put(WGPEER_A_PUBLIC_KEY, divided.data(), divided.size());
      second.nest(WGPEER_A_ALLOWEDIPS, [&] { put_allowed(second, net("fd00:10:5:2::/64")); });
    });
  });
  WireguardState state;
  netlink::add_wireguard_part(first.raw(), state);
  netlink::add_wireguard_part(second.raw(), state);
  CHECK(state.private_key == own);
  CHECK(state.port == 51820);
  REQUIRE(state.peers.size() == 2);
  const netlink::WireguardPeer& peer = state.peers[1];
  CHECK(peer.public_key == divided);
  CHECK(peer.endpoint == netlink::WireguardEndpoint{ip("192.0.2.2"), 51820});
  CHECK(peer.keepalive == std::chrono::seconds(25));
  CHECK(peer.received == 1ULL << 33);
  CHECK(peer.last_handshake == std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000)));
  CHECK(peer.allowed == std::vector{net("10.5.2.0/24"), net("fd00:10:5:2::/64")});
}

TEST_CASE("wireguard: what is cut short or of another kind is passed over") {
  Message message = part();
  const std::array<uint8_t, 5> few{};
  message.put(WGDEVICE_A_PRIVATE_KEY, few.data(), few.size());
  message.nest(WGDEVICE_A_PEERS, [&] {
    message.nest(0, [&] {
      const sa_family_t family = AF_INET6;
      message.put(WGPEER_A_ENDPOINT, &family, sizeof family);
      message.nest(WGPEER_A_ALLOWEDIPS, [&] { put_allowed(message, {ip("192.0.2.0"), 33}); });
    });
  });
  WireguardState state;
  netlink::add_wireguard_part(message.raw(), state);
  CHECK(state.private_key == WireguardKey{});
  REQUIRE(state.peers.size() == 1);
  CHECK_FALSE(state.peers[0].endpoint);
  CHECK(state.peers[0].allowed.empty());
}
