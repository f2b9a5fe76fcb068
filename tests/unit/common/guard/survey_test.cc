#include "common/guard/survey.h"

#include <doctest/doctest.h>
#include <linux/netlink.h>

#include "common/netfilter/nft_query.h"
#include "tests/support/addresses.h"
#include "tests/support/scoped_netns.h"

using test::ip;

namespace {

netlink::Link link(int ifindex) {
  netlink::Link link;
  link.ifindex = ifindex;
  return link;
}

const guard::Elements kBefore{
    .guarded = {1, 2},
    .nested = {3},
    .sources = {{1, {ip("10.244.1.2"), ip("fd00::2")}}, {2, {ip("10.244.1.3")}}, {3, {ip("10.244.1.4")}}}};

}  // namespace

TEST_CASE("guard: what was taken from a port is found, and only that") {
  const std::vector<netlink::Link> ports{link(1), link(2), link(3)};
  CHECK(guard::find_lost(kBefore, kBefore, ports).empty());
  guard::Elements now = kBefore;
  now.sources[1] = {ip("fd00::2")};
  now.guarded.erase(2);
  now.nested.clear();
  const auto lost = guard::find_lost(kBefore, now, ports);
  REQUIRE(lost.size() == 3);
  CHECK(lost[0].sources == std::vector{ip("10.244.1.2")});
  CHECK_FALSE(lost[0].checks_sources);
  CHECK(lost[1].sources.empty());
  CHECK(lost[1].checks_sources);
  CHECK(lost[2].has_nested_macs);
  CHECK_FALSE(lost[2].checks_sources);
}

TEST_CASE("guard: a port that is gone has lost nothing, and a new one neither") {
  CHECK(guard::find_lost(kBefore, {}, {link(9)}).empty());
  CHECK(guard::find_lost({}, kBefore, {link(1)}).empty());
}

TEST_CASE("guard: ports are counted by what is checked") {
  CHECK(guard::count_guarded(kBefore, {link(1), link(3), link(9)}) == 1);
}

TEST_CASE_FIXTURE(ScopedNetns, "guard: asking what the kernel can do leaves nothing behind") {
  if (!made()) return;
  auto nft = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  if (!guard::can_have_frame(nft)) return;
  CHECK_FALSE(guard::has_frame(nft));
  CHECK(netfilter::nft_chains(nft, netfilter::NftFamily::bridge).empty());
}
