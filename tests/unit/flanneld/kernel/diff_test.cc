#include "flanneld/kernel/diff.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/flanneld/kernel/bench.h"

using flanneld::KernelWrites;
using namespace flanneld_test;
using netlink::Route;

namespace {}  // namespace

TEST_CASE("diff: an up-to-date kernel needs nothing, an empty one everything") {
  Bench bench;
  CHECK(bench.actual.routes.size() == 2);
  CHECK(bench.diff().count() == 0);
  bench.actual = {};
  const KernelWrites writes = bench.diff();
  CHECK(writes.count() == 6);
  CHECK(writes.put_routes[0] ==
        Route{net("10.5.2.0/24"), ip("10.5.2.0"), kVxlan, flanneld::kRouteProtocol, true});
}

TEST_CASE("diff: objects wait for their link") {
  Bench bench;
  bench.actual = {};
  bench.links = {};
  const KernelWrites writes = bench.diff();
  CHECK(writes.count() == 0);
  CHECK(writes.missing_links.at("flannel.1") == 6);
}

TEST_CASE("diff: removes stale objects from the device, leaves the kernel's own") {
  Bench bench;
  bench.actual.neighbours.push_back({kVxlan, ip("10.5.9.0"), mac(9)});
  bench.actual.neighbours.push_back({kVxlan, ip("10.5.10.0"), mac(9), false});
  bench.actual.fdb.push_back({kVxlan, mac(9), ip("192.0.2.9")});
  bench.actual.fdb.push_back({kVxlan, mac(10), ip("192.0.2.9"), false});
  bench.actual.routes.push_back(route("10.5.9.0/24", "10.5.9.0", kVxlan, netlink::kProtocolBoot));
  const KernelWrites writes = bench.diff();
  CHECK(writes.count() == 3);
  CHECK(writes.remove_neighbours[0].address == ip("10.5.9.0"));
  CHECK(writes.remove_fdb[0].mac == mac(9));
  CHECK(writes.remove_routes[0].dst == net("10.5.9.0/24"));
}

TEST_CASE("diff: leaves foreign routes") {
  Bench bench;
  const auto kernel_proto = uint8_t{2}, static_proto = uint8_t{4};
  bench.actual.routes.push_back(route("10.5.9.0/24", "10.5.9.0", kVxlan, static_proto));
  bench.actual.routes.push_back(route("10.5.1.0/24", "10.5.1.0", kVxlan, kernel_proto));
  bench.actual.routes.push_back(route("172.16.0.0/16", "10.5.9.0", kVxlan, netlink::kProtocolBoot));
  bench.actual.routes.push_back(route("10.0.0.0/8", "10.5.9.0", kVxlan, netlink::kProtocolBoot));
  bench.actual.routes.push_back(route("10.5.9.0/24", "192.0.2.9", kExternal, netlink::kProtocolBoot));
  bench.actual.routes.push_back(route("10.5.9.0/24", "192.0.2.9", kExternal, static_proto));
  bench.actual.routes.push_back(route("10.6.9.0/24", "192.0.2.9", kExternal, flanneld::kRouteProtocol));
  CHECK(bench.diff().count() == 0);
  bench.actual.routes.push_back(route("10.5.9.0/24", "192.0.2.9", kExternal, flanneld::kRouteProtocol));
  CHECK(bench.diff().remove_routes.size() == 1);
}

TEST_CASE("diff: removes what a former network of this agent left, and nothing of another agent's") {
  Bench bench;
  bench.plan.former = {net("10.6.0.0/16")};
  bench.actual.routes.push_back(route("10.6.9.0/24", "192.0.2.9", kExternal, flanneld::kRouteProtocol));
  bench.actual.routes.push_back(route("10.6.9.0/24", "10.6.9.0", kVxlan, netlink::kProtocolBoot));
  bench.actual.routes.push_back(route("10.9.9.0/24", "10.9.9.0", kVxlan, flanneld::kRouteProtocol));
  CHECK(bench.diff().remove_routes.size() == 3);
  bench.actual.routes.push_back(route("10.7.9.0/24", "192.0.2.9", kExternal, flanneld::kRouteProtocol));
  CHECK(bench.diff().remove_routes.size() == 3);
}

TEST_CASE("diff: removes upstream's plain routes to nodes that left, if the backend makes such routes") {
  Bench bench;
  bench.actual.routes.push_back(route("10.5.9.0/24", "192.0.2.9", kExternal, netlink::kProtocolBoot));
  bench.actual.routes.push_back(route("10.5.9.0/25", "192.0.2.9", kExternal, netlink::kProtocolBoot));
  bench.actual.routes.push_back(route("10.9.9.0/24", "192.0.2.9", kExternal, netlink::kProtocolBoot));
  CHECK(bench.diff().count() == 0);
  bench.plan.has_plain_routes = true;
  const KernelWrites writes = bench.diff();
  REQUIRE(writes.remove_routes.size() == 1);
  CHECK(writes.remove_routes[0].dst == net("10.5.9.0/24"));
}

TEST_CASE("diff: takes over upstream's routes in place") {
  Bench bench;
  for (Route& one : bench.actual.routes) one.protocol = netlink::kProtocolBoot;
  const KernelWrites writes = bench.diff();
  CHECK(writes.put_routes.size() == 2);
  CHECK(writes.count() == 2);
}

TEST_CASE("diff: corrects a wrong MAC and a wrong node, removes a second destination") {
  Bench bench;
  bench.actual.neighbours[0].mac = mac(99);
  bench.actual.fdb[0].dst = ip("192.0.2.99");
  bench.actual.fdb.push_back({kVxlan, mac(3), ip("192.0.2.98")});
  const KernelWrites writes = bench.diff();
  CHECK(writes.put_neighbours.size() == 1);
  CHECK(writes.put_fdb.size() == 1);
  REQUIRE(writes.remove_fdb.size() == 1);
  CHECK(writes.remove_fdb[0].dst == ip("192.0.2.98"));
  CHECK(writes.count() == 3);
}

TEST_CASE("diff: puts a blackhole behind the bridge's route, and removes a stale one") {
  Bench bench;
  bench.plan.blackholes = {net("10.5.1.0/24")};
  const KernelWrites writes = bench.diff();
  REQUIRE(writes.put_routes.size() == 1);
  CHECK(writes.put_routes[0].type == Route::Type::blackhole);
  CHECK(writes.put_routes[0].priority > 0);  // behind the bridge's own route
  bench.take_over(writes);
  CHECK(bench.diff().count() == 0);
  bench.plan.blackholes.clear();
  CHECK(bench.diff().remove_routes.size() == 1);
}
