#include "common/guard/frame.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <latch>
#include <optional>
#include <thread>

#include "common/netfilter/nft_transaction.h"
#include "common/netlink/bridge.h"
#include "tests/support/addresses.h"
#include "tests/support/scoped_netns.h"

using guard::Frame;
using guard::Port;
using test::ip;

namespace {

struct Node : ScopedNetns {
  Node() {
    if (made()) nft = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  }
  /// False where nf_tables cannot be used for bridges.
  bool ready() { return made() && guard::ensure_frame(*nft); }
  guard::Elements elements() { return guard::elements(*nft).value(); }

  std::optional<netlink::NetlinkSocket> nft;
};

const Port kPort{.ifindex = 1, .sources = {ip("10.244.1.2"), ip("fd00::2")}};

}  // namespace

TEST_CASE("guard: a link-local address follows from the MAC as the kernel makes it") {
  CHECK(guard::link_local_of({{0x0a, 0x58, 0x0a, 0xf4, 0x01, 0x02}}) == ip("fe80::858:aff:fef4:102"));
}

TEST_CASE_FIXTURE(Node, "guard: the first port makes the frame, the next finds it") {
  if (!made()) return;
  const Frame first = guard::guard_ports(*nft, {kPort});
  if (first == Frame::impossible) return;
  CHECK(first == Frame::made);
  CHECK(guard::has_frame(*nft));
  CHECK(guard::guard_ports(*nft, {kPort}) == Frame::present);
  CHECK(elements().guarded.contains(1));
  CHECK(elements().sources[1].size() == 2);
}

TEST_CASE_FIXTURE(Node, "guard: rules that somebody changed are made anew, and elements stay") {
  if (!ready()) return;
  guard::guard_ports(*nft, {kPort});
  netfilter::NftTransaction damage(guard::table());
  damage.flush_chain("pods-ip4");
  REQUIRE(damage.commit(*nft, "flush a chain"));
  CHECK_FALSE(guard::has_frame(*nft));
  CHECK(guard::ensure_frame(*nft));
  CHECK(guard::has_frame(*nft));
  CHECK(elements().sources[1].size() == 2);
}

TEST_CASE_FIXTURE(Node, "guard: a thousand ports are guarded at once") {
  if (!ready()) return;
  std::vector<Port> ports;
  for (uint32_t i = 0; i < 1000; ++i)
    ports.push_back({.ifindex = static_cast<int>(i + 1), .sources = {base::IpAddress::v4(0x0af40000 + i)}});
  CHECK(guard::guard_ports(*nft, ports) == Frame::present);
  CHECK(elements().guarded.size() == 1000);
  CHECK(elements().sources.size() == 1000);
}

TEST_CASE_FIXTURE(Node, "guard: what may be released of a port goes although a part of it is gone already") {
  if (!ready()) return;
  const Port other{.ifindex = 2, .sources = {ip("10.244.1.3")}, .has_nested_macs = true};
  guard::guard_ports(*nft, {kPort, other});
  Port more = kPort;
  more.sources.push_back(ip("10.244.1.9"));
  guard::release_ports(*nft, {more});
  guard::release_ports(*nft, {more});
  CHECK(elements().guarded == std::set<int>{2});
  CHECK(elements().nested == std::set<int>{2});
  CHECK(elements().sources.size() == 1);
}

TEST_CASE_FIXTURE(Node, "guard: a port from which any address may come has its addresses on record") {
  if (!ready()) return;
  Port open = kPort;
  open.checks_sources = false;
  guard::guard_ports(*nft, {open});
  CHECK(elements().guarded.empty());
  CHECK(elements().sources[1].size() == 2);
}

TEST_CASE_FIXTURE(Node, "guard: the elements of ports that are gone are collected, and no others") {
  if (!ready()) return;
  auto host = netlink::NetlinkSocket::open();
  const int there = netlink::ensure_bridge(host, {.name = "there"}).link.ifindex;  // a link is enough
  guard::guard_ports(*nft,
                     {{.ifindex = 1001, .sources = {ip("10.244.1.2"), ip("fd00::2")}},
                      {.ifindex = there, .sources = {ip("10.244.1.3")}},
                      {.ifindex = 1003, .sources = {}, .checks_sources = false, .has_nested_macs = true}});
  guard::collect(*nft, host);
  CHECK(elements().guarded == std::set<int>{there});
  CHECK(elements().sources.size() == 1);
  CHECK(elements().nested.empty());
}

TEST_CASE_FIXTURE(Node,
                  "guard: when a thousand ports have gone, few have elements left, and no other lost any") {
  if (!ready()) return;
  auto host = netlink::NetlinkSocket::open();
  const int stays = netlink::ensure_bridge(host, {.name = "stays"}).link.ifindex;
  guard::guard_ports(*nft, {{.ifindex = stays, .sources = {ip("10.244.1.2")}}});
  size_t most = 0;
  for (uint32_t i = 0; i < 1000; ++i) {
    guard::guard_ports(*nft, {{.ifindex = static_cast<int>(1000 + i), .sources = {base::IpAddress::v4(i)}}});
    guard::release_gone_port(host, fmt::format("veth{:08x}", i * 2654435761U));
    if (i % 50 == 0) most = std::max(most, elements().guarded.size());
  }
  CHECK(most > 2);
  CHECK(most < 8 * guard::kGonePorts);
  CHECK(elements().guarded.contains(stays));
}

TEST_CASE_FIXTURE(Node, "guard: many that collect the same elements at once do not wait for each element") {
  if (!ready()) return;
  std::vector<Port> ports;
  for (uint32_t i = 0; i < 300; ++i)
    ports.push_back(
        {.ifindex = static_cast<int>(i + 1000), .sources = {base::IpAddress::v4(0x0af40000 + i)}});
  guard::guard_ports(*nft, ports);
  constexpr int kCollectors = 8;
  std::atomic<int> failed = 0;
  std::latch begin(kCollectors);
  const auto began = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < kCollectors; ++i)
      all.emplace_back([&] {
        begin.arrive_and_wait();
        try {
          auto rules = netlink::NetlinkSocket::open(NETLINK_NETFILTER), host = netlink::NetlinkSocket::open();
          guard::collect(rules, host);
        } catch (const std::exception&) {
          ++failed;
        }
      });
  }
  // 0.1 s; each element by itself, at a grace period of the kernel's, took 27 s.
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(15));
  CHECK(failed == 0);
  auto host = netlink::NetlinkSocket::open();
  guard::collect(*nft, host);  // each looks three times at most, and could leave some
  CHECK(elements().guarded.empty());
  CHECK(elements().sources.empty());
}

TEST_CASE_FIXTURE(Node, "guard: without the frame there is nothing to release, to collect or to list") {
  if (!made()) return;
  auto host = netlink::NetlinkSocket::open();
  guard::release_ports(*nft, {kPort});
  guard::collect(*nft, host);
  CHECK_FALSE(guard::elements(*nft));
  CHECK_FALSE(guard::has_frame(*nft));
}
