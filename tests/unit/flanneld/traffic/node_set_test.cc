#include "flanneld/traffic/node_set.h"

#include <doctest/doctest.h>
#include <linux/netlink.h>

#include <algorithm>
#include <optional>
#include <random>

#include "common/netfilter/nft_set.h"
#include "flanneld/traffic/traffic_plan.h"
#include "tests/support/scoped_netns.h"
#include "tests/unit/flanneld/test_support.h"

using base::Family;
using flanneld::NodeSet;
using namespace flanneld_test;

namespace {

using Addresses = std::vector<base::IpAddress>;

/// A table with the set, in a namespace of its own.
struct Table : ScopedNetns {
  Table() {
    if (made()) nft = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  }
  /// False where nf_tables cannot be used.
  bool write() try {
    netfilter::NftTransaction transaction(table);
    transaction.ensure_table();
    transaction.delete_table();
    transaction.ensure_table();
    nodes.add_to(transaction, Family::v4);
    const bool is_done = made() && transaction.commit(*nft, "write a table");
    if (is_done) nodes.note_written(Family::v4);
    return is_done;
  } catch (const netlink::NetlinkError&) {
    return false;
  }
  bool update() { return nodes.update(*nft, Family::v4, table); }
  [[nodiscard]] Addresses held() {
    Addresses all;
    const auto values = netfilter::nft_elements(*nft, table, flanneld::kNodeSet);
    for (const std::string& value : values.value())
      all.push_back(
          base::IpAddress::from_bytes(reinterpret_cast<const uint8_t*>(value.data()), value.size()).value());
    std::sort(all.begin(), all.end());
    return all;
  }

  netfilter::NftTable table{.family = netfilter::NftFamily::ip, .name = "nodes-test"};
  std::optional<netlink::NetlinkSocket> nft;
  NodeSet nodes;
};

}  // namespace

TEST_CASE_FIXTURE(Table, "node set: changes alone are sent, and what is the same is not") {
  nodes.want({ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1")});
  CHECK(nodes.has_changed(Family::v4));
  if (!write()) return;
  CHECK_FALSE(nodes.has_changed(Family::v4));
  CHECK(nodes.has_changed(Family::v6));  // which was not written
  nodes.change({.gone = {ip("192.0.2.1")}, .come = {ip("192.0.2.3")}});
  CHECK(nodes.has_changed(Family::v4));
  REQUIRE(update());
  CHECK(held() == Addresses{ip("192.0.2.2"), ip("192.0.2.3")});
  CHECK(nodes.is_intact(*nft, Family::v4, table));
  nodes.want({ip("192.0.2.3"), ip("192.0.2.2")});
  nodes.change({.gone = {ip("192.0.2.2")}, .come = {ip("192.0.2.2")}});
  CHECK_FALSE(nodes.has_changed(Family::v4));
}

TEST_CASE_FIXTURE(Table, "node set: an address that two leases have stays with the one that remains") {
  nodes.want({ip("192.0.2.1"), ip("192.0.2.1")});
  if (!write()) return;
  nodes.change({.gone = {ip("192.0.2.1")}, .come = {}});
  CHECK_FALSE(nodes.has_changed(Family::v4));
  nodes.change({.gone = {ip("192.0.2.1")}, .come = {}});
  REQUIRE(update());
  CHECK(held().empty());
  nodes.change({.gone = {ip("192.0.2.1")}, .come = {}});  // no more than none
  nodes.change({.gone = {}, .come = {ip("192.0.2.1")}});
  REQUIRE(update());
  CHECK(held() == Addresses{ip("192.0.2.1")});
}

TEST_CASE_FIXTURE(Table, "node set: what another program changed is seen, and written anew it is as wanted") {
  nodes.want({ip("192.0.2.1"), ip("192.0.2.2")});
  if (!write()) return;
  netfilter::NftTransaction theirs(table);
  theirs.delete_elements(flanneld::kNodeSet, {netfilter::nft_value(ip("192.0.2.1"))});
  theirs.add_elements(flanneld::kNodeSet, {netfilter::nft_value(ip("192.0.2.9"))});
  REQUIRE(theirs.commit(*nft, "change the set"));
  CHECK_FALSE(nodes.is_intact(*nft, Family::v4, table));
  nodes.change({.gone = {ip("192.0.2.1")}, .come = {ip("192.0.2.3")}});
  CHECK_FALSE(update());  // one that it lacks cannot be deleted, and nothing is changed then
  CHECK(nodes.has_changed(Family::v4));
  REQUIRE(write());
  CHECK(held() == Addresses{ip("192.0.2.2"), ip("192.0.2.3")});
  CHECK(nodes.is_intact(*nft, Family::v4, table));
}

TEST_CASE_FIXTURE(Table, "node set: after any changes it is what the list of all would make") {
  nodes.want({});
  if (!write()) return;
  std::mt19937 random(1);
  Addresses all;
  for (int step = 0; step < 100; ++step) {
    flanneld::NodeChange change;
    for (unsigned i = 0; i <= random() % 3; ++i) {
      if (!all.empty() && random() % 2 == 0) {
        const auto one = all.begin() + static_cast<ptrdiff_t>(random() % all.size());
        change.gone.push_back(*one);
        all.erase(one);
      }
      change.come.push_back(base::IpAddress::v4(0xc0000200 + static_cast<uint32_t>(random() % 8)));
    }
    all.insert(all.end(), change.come.begin(), change.come.end());
    nodes.change(change);
    NodeSet whole = nodes;
    whole.want(all);
    CHECK(whole.has_changed(Family::v4) == nodes.has_changed(Family::v4));
    REQUIRE(update());
    Addresses once = all;
    std::sort(once.begin(), once.end());
    once.erase(std::unique(once.begin(), once.end()), once.end());
    REQUIRE(held() == once);
  }
}
