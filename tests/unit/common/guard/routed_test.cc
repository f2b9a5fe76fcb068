#include "common/guard/routed.h"

#include <doctest/doctest.h>

#include <optional>

#include "common/netfilter/nft_transaction.h"
#include "tests/support/scoped_netns.h"

TEST_CASE_FIXTURE(ScopedNetns,
                  "guard: the rules for routed pods are made once, and again when somebody changed them") {
  if (!made()) return;
  auto nft = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  CHECK_FALSE(guard::has_routed_rules(nft));
  if (!guard::ensure_routed_rules(nft)) return;  // a kernel without them
  CHECK(guard::has_routed_rules(nft));
  netfilter::NftTransaction damage(guard::routed_table());
  damage.flush_chain("prerouting");
  REQUIRE(damage.commit(nft, "flush a chain"));
  CHECK_FALSE(guard::has_routed_rules(nft));
  CHECK(guard::ensure_routed_rules(nft));
  CHECK(guard::has_routed_rules(nft));
  CHECK(guard::ensure_routed_rules(nft));
}
