#include "flanneld/kernel/reconciler.h"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/flanneld/kernel/bench.h"
#include "tests/unit/flanneld/kernel/host.h"

using namespace flanneld;
using namespace flanneld_test;
using std::chrono::milliseconds;

namespace {

/// A node whose peers are directly connected.
struct ReconciledHost : Host {
  void start(Heal heal) {
    node.route_links = {"eth0"};
    node.networks = {net("10.5.0.0/16")};
    reconciler.emplace(loop, heal, Reconciler::Events{[this] { ++changes; }, [this] { ++host_changes; }});
  }
  static PeerPlans peers(const std::vector<std::string>& subnets) {
    PeerPlans plans;
    uint64_t published = 0;
    for (const std::string& subnet : subnets)
      plans[LeaseKey{net(subnet), std::nullopt}] = {
          std::make_shared<const PeerPlan>(direct_peer(subnet, "192.0.2.20")), ++published};
    return plans;
  }
  /// As somebody else would.
  void remove_route(const std::string& subnet) const {
    auto socket = netlink::NetlinkSocket::open();
    for (const netlink::Route& route : netlink::routes_of(socket, ifindex, base::Family::v4))
      if (route.dst == net(subnet)) socket.request(netlink::remove_route_request(route), "remove a route");
  }

  NodePlan node;
  std::optional<Reconciler> reconciler;
  int changes = 0, host_changes = 0;
};

}  // namespace

TEST_CASE_FIXTURE(ReconciledHost, "reconciler: leaves an earlier run's routes until it knows the peers") {
  if (!made()) return;
  start(Heal::yes);
  reconciler->reconcile(node, peers({"10.5.2.0/24", "10.5.3.0/24"}));
  CHECK(routes().size() == 2);
  start(Heal::yes);
  reconciler->reconcile(node);
  CHECK(routes().size() == 2);
  reconciler->reconcile(node, peers({"10.5.3.0/24"}));
  CHECK(routes() == std::vector{net("10.5.3.0/24")});
}

TEST_CASE_FIXTURE(ReconciledHost, "reconciler: sends only what is different, and counts it") {
  if (!made()) return;
  start(Heal::yes);
  const PeerPlans one = peers({"10.5.2.0/24"}), two = peers({"10.5.2.0/24", "10.5.3.0/24"});
  reconciler->reconcile(node, one);
  CHECK(reconciler->status().writes == 1);
  reconciler->apply(changes_between(one, two));
  CHECK(reconciler->status().writes == 2);
  CHECK(reconciler->status().routes == 2);
  CHECK(reconciler->status().passes == 1);
  reconciler->apply(changes_between(two, peers({"10.5.3.0/24"})));
  CHECK(routes() == std::vector{net("10.5.3.0/24")});
}

TEST_CASE_FIXTURE(ReconciledHost, "reconciler: puts back what somebody else removes") {
  if (!made()) return;
  start(Heal::yes);
  reconciler->reconcile(node, peers({"10.5.2.0/24"}));
  remove_route("10.5.2.0/24");
  CHECK(routes().empty());
  run_until([&] { return routes().size() == 1; });
  CHECK(reconciler->status().repairs == 1);
  CHECK(changes == 1);
}

TEST_CASE_FIXTURE(ReconciledHost,
                  "reconciler: reports and leaves what somebody else removes if it does not heal") {
  if (!made()) return;
  start(Heal::no);
  const PeerPlans one = peers({"10.5.2.0/24"});
  reconciler->reconcile(node, one);
  remove_route("10.5.2.0/24");
  run_until([&] { return !reconciler->status().drift.empty(); });
  CHECK(contains(reconciler->status().drift.first(), "10.5.2.0/24"));
  CHECK(routes().empty());
  reconciler->apply(
      changes_between(one, peers({"10.5.2.0/24", "10.5.3.0/24"})));  // what leases change is done
  CHECK(routes() == std::vector{net("10.5.3.0/24")});
}

TEST_CASE_FIXTURE(ReconciledHost, "reconciler: makes what it can, and tries the rest again") {
  if (!made()) return;
  start(Heal::yes);
  PeerPlans plans = peers({"10.5.2.0/24"});
  plans[key("10.5.3.0-24")] = {std::make_shared<const PeerPlan>(direct_peer("10.5.3.0/24", "198.51.100.1")),
                               2};
  reconciler->reconcile(node, plans);
  CHECK(routes() == std::vector{net("10.5.2.0/24")});
  CHECK(reconciler->status().failures.empty());  // the node itself has all that it needs
  CHECK(reconciler->status().peer_failures.count() == 1);
  CHECK(contains(reconciler->status().peer_failures.first(), "10.5.3.0/24"));
  auto socket = netlink::NetlinkSocket::open();
  netlink::add_address(socket, *netlink::find_link(socket, "eth0"), net("198.51.100.10/24"));
  run_until([&] { return routes().size() == 2; });
  CHECK(reconciler->status().is_well());
}

TEST_CASE_FIXTURE(ReconciledHost, "reconciler: what the kernel refuses for a peer is no foreign change") {
  if (!made()) return;
  start(Heal::no);
  PeerPlans plans = peers({"10.5.2.0/24"});
  plans[key("10.5.3.0-24")] = {std::make_shared<const PeerPlan>(direct_peer("10.5.3.0/24", "198.51.100.1")),
                               2};
  reconciler->reconcile(node, plans);
  remove_route("10.5.2.0/24");
  run_until([&] { return !reconciler->status().drift.empty(); });
  CHECK(reconciler->status().drift.count() == 1);
  CHECK(contains(reconciler->status().drift.first(), "10.5.2.0/24"));
}

TEST_CASE_FIXTURE(ReconciledHost, "reconciler: a link that is missing is the node's own trouble") {
  if (!made()) return;
  start(Heal::yes);
  PeerPlan plan = direct_peer("10.5.2.0/24", "192.0.2.20");
  plan.routes.front().link = "nothing";
  reconciler->reconcile(node, {{key("10.5.2.0-24"), {std::make_shared<const PeerPlan>(plan), 1}}});
  CHECK(contains(reconciler->status().failures.first(), "there is no link 'nothing'"));
  CHECK(reconciler->status().peer_failures.empty());
}

TEST_CASE_FIXTURE(ReconciledHost, "reconciler: says that an address of the host has changed") {
  if (!made()) return;
  start(Heal::yes);
  reconciler->reconcile(node, {});
  auto socket = netlink::NetlinkSocket::open();
  netlink::add_address(socket, *netlink::find_link(socket, "eth0"), net("198.51.100.10/24"));
  run_until([&] { return host_changes > 0; });
  CHECK(host_changes == 1);
}
