#include "common/netlink/socket.h"

#include <linux/netfilter.h>
#include <linux/rtnetlink.h>

#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_transaction.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "tests/support/scoped_netns.h"

using netlink::NetlinkSocket;

namespace {

constexpr size_t kManyRoutes = 20'000;
constexpr uint64_t kManyRules = 3'000;
const netfilter::NftTable kTable{netfilter::NftFamily::ip, "test"};
const char* const kChain = "many";

netlink::PackedRequests route_requests(int ifindex, netlink::Message (*make)(const netlink::Route&)) {
  netlink::PackedRequests requests;
  netlink::Route route;
  route.ifindex = ifindex;
  for (uint32_t i = 0; i < kManyRoutes; ++i) {
    route.dst = {base::IpAddress::v4(0x0a000000 + (i << 4)), 28};
    requests.add(make(route));
  }
  return requests;
}

void add_many_rules(NetlinkSocket& socket) {
  netfilter::NftTransaction transaction(kTable);
  transaction.ensure_table("");
  transaction.ensure_chain(kChain, "");
  for (uint64_t i = 0; i < kManyRules; ++i)
    transaction.add_rule(kChain, netfilter::NftRule().input_interface_is("eth0").return_(), "a comment");
  REQUIRE(transaction.commit(socket, "add many rules"));
}

}  // namespace

TEST_CASE_FIXTURE(ScopedNetns, "netlink socket: adds 20,000 routes in one call") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  netlink::set_up(socket, *netlink::find_link(socket, "lo"));
  const int lo = netlink::find_ifindex(socket, "lo").value();
  auto requests = route_requests(lo, netlink::put_route_request);
  CHECK(socket.send_packed(requests, "add many routes").empty());
  CHECK(netlink::routes_of(socket, lo, base::Family::v4).size() == kManyRoutes);
}

TEST_CASE_FIXTURE(ScopedNetns, "netlink socket: reports each of 20,000 refused requests") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  auto requests = route_requests(netlink::find_ifindex(socket, "lo").value(), netlink::remove_route_request);
  const auto refusals = socket.send_packed(requests, "remove many routes");
  REQUIRE(refusals.size() == kManyRoutes);
  CHECK(refusals.front().error_number == ESRCH);
  CHECK(refusals.back().place == kManyRoutes - 1);
}

TEST_CASE_FIXTURE(ScopedNetns, "netlink socket: a batch may have thousands of messages") {
  if (!made()) return;
  auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
  add_many_rules(socket);
  const auto rules = netfilter::nft_rules(socket, kTable, kChain);
  REQUIRE(rules.size() == kManyRules);

  netfilter::NftTransaction removal(kTable);
  for (const auto& rule : rules) removal.delete_rule(kChain, rule.handle);
  CHECK(removal.commit(socket, "delete many rules"));
  CHECK(netfilter::nft_rules(socket, kTable, kChain).empty());
}

TEST_CASE_FIXTURE(ScopedNetns, "netlink socket: a batch with thousands of refused messages changes nothing") {
  if (!made()) return;
  auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
  add_many_rules(socket);
  netfilter::NftTransaction removal(kTable);
  for (const auto& rule : netfilter::nft_rules(socket, kTable, kChain))
    removal.delete_rule(kChain, rule.handle + 1'000'000);
  CHECK_FALSE(removal.commit(socket, "delete rules that are not there"));
  CHECK(netfilter::nft_rules(socket, kTable, kChain).size() == kManyRules);

  // The answers of that batch are not taken for those of the next request.
  CHECK(netfilter::find_nft_table(socket, kTable).has_value());
}

TEST_CASE_FIXTURE(ScopedNetns, "netlink socket: shows notifications in portions and tells of lost ones") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  const int lo = netlink::find_ifindex(socket, "lo").value();
  netlink::set_up(socket, *netlink::find_link(socket, "lo"));
  auto notifications = NetlinkSocket::open_subscribed(NETLINK_ROUTE, RTNLGRP_IPV4_ROUTE);
  auto requests = route_requests(lo, netlink::put_route_request);
  REQUIRE(socket.send_packed(requests, "add many routes").empty());
  bool complete = true;
  size_t shown = 0, most = 0;
  for (size_t before = 1; before != shown;) {
    before = shown;
    complete = notifications.drain_notifications([&](const nlmsghdr*) { ++shown; }) && complete;
    most = std::max(most, shown - before);
  }
  CHECK_FALSE(complete);
  CHECK(shown > 100);
  CHECK(shown < kManyRoutes);
  CHECK(most <= 1024);
}
