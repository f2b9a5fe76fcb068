#include "flanneld/kernel/wireguard_text.h"

#include <doctest/doctest.h>

#include "tests/unit/flanneld/kernel/bench.h"

using namespace flanneld;
using namespace flanneld_test;
using netlink::WireguardKey;
using netlink::WireguardState;

namespace {

const std::string kOne(64, '1'), kTwo(64, '2'), kZero(64, '0');

}  // namespace

TEST_CASE("wireguard text: reads what wireguard-go tells of a device") {
  WireguardState state;
  const std::string text =
      "private_key=" + kOne + "\nlisten_port=51820\npublic_key=" + kTwo + "\npreshared_key=" + kZero +
      "\nprotocol_version=1\nendpoint=[2001:db8::2]:51821\nlast_handshake_time_sec=1700000000\n"
      "last_handshake_time_nsec=7\ntx_bytes=10\nrx_bytes=8589934592\n"
      "persistent_keepalive_interval=25\nallowed_ip=10.5.2.0/24\nallowed_ip=fd00::/64\n"
      "public_key=" +
      kOne + "\nlast_handshake_time_sec=0\nerrno=0\n\n";
  CHECK(is_whole_wireguard_answer(text));
  CHECK(parse_wireguard_answer(text, state) == 0);
  CHECK(state.private_key == key_of(0x11));
  CHECK(state.port == 51820);
  REQUIRE(state.peers.size() == 2);
  CHECK(state.peers[0].public_key == key_of(0x22));
  CHECK(state.peers[0].endpoint == netlink::WireguardEndpoint{ip("2001:db8::2"), 51821});
  CHECK(state.peers[0].last_handshake == std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000)));
  CHECK(state.peers[0].received == 8589934592);
  CHECK(state.peers[0].allowed == std::vector{net("10.5.2.0/24"), net("fd00::/64")});
  CHECK_FALSE(state.peers[1].last_handshake);
  CHECK_FALSE(state.peers[1].endpoint);
}

TEST_CASE("wireguard text: an answer without an errno, or with half a key, is none") {
  WireguardState state;
  CHECK(parse_wireguard_answer("errno=-22\n\n", state) == -22);
  for (const std::string text : {"", "\n\n", "listen_port=1\n\n", "errno=x\n\n", "hello\n\n"})
    CHECK_THROWS_AS(parse_wireguard_answer(text, state), base::ParseError);
  CHECK_THROWS_AS(parse_wireguard_answer("public_key=11\nerrno=0\n\n", state), base::ParseError);
  CHECK_FALSE(is_whole_wireguard_answer("errno=0\n"));
}

TEST_CASE("wireguard text: a peer that gets a place is greeted, unless its keepalive does that") {
  netlink::WireguardPeerChange change{.public_key = key_of(0x22), .greet = true};
  const std::string turned_on = "persistent_keepalive_interval=5\n";
  CHECK(contains(set_wireguard_text({change}), turned_on));
  change.keepalive = std::chrono::seconds(25);
  CHECK_FALSE(contains(set_wireguard_text({change}), turned_on));
  change = {.public_key = key_of(0x22)};
  CHECK_FALSE(contains(set_wireguard_text({change}), turned_on));
}

TEST_CASE("wireguard text: sets and removes peers") {
  CHECK(set_wireguard_text(key_of(0x11), 51820) == "set=1\nprivate_key=" + kOne + "\nlisten_port=51820\n\n");
  CHECK(set_wireguard_text({{.public_key = key_of(0x22),
                             .endpoint = netlink::WireguardEndpoint{ip("2001:db8::2"), 7},
                             .keepalive = std::chrono::seconds(25),
                             .allowed = {net("10.5.2.0/24")}},
                            {.public_key = key_of(0x11), .remove = true}}) ==
        "set=1\npublic_key=" + kTwo + "\npreshared_key=" + kZero +
            "\nendpoint=[2001:db8::2]:7\npersistent_keepalive_interval=25\nreplace_allowed_ips=true\n"
            "allowed_ip=10.5.2.0/24\npublic_key=" +
            kOne + "\nremove=true\n\n");
}
