#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/netlink/vxlan.h"
#include "flanneld/kernel/desired_state.h"
#include "flanneld/kernel/diff.h"
#include "flanneld/kernel/notifications.h"
#include "tests/unit/flanneld/test_support.h"

using flanneld::KernelState;
using flanneld::KernelWrites;
using flanneld::LeaseKey;
using flanneld::LinkIndexes;
using flanneld::NodePlan;
using flanneld::PeerPlan;
using flanneld::WantedState;
using namespace flanneld_test;
using netlink::Route;

namespace {

constexpr int kVxlan = 7, kExternal = 2;

base::MacAddress mac(uint8_t last) { return {{2, 0, 0, 0, 0, last}}; }

using PeerPlanPtr = std::shared_ptr<const PeerPlan>;

PeerPlanPtr peer(const std::string& subnet, const std::string& node, uint8_t last) {
  const base::IpNet dst = net(subnet);
  return std::make_shared<const PeerPlan>(PeerPlan{{{dst, dst.address, "flannel.1", true}},
                                                   {{"flannel.1", dst.address, mac(last)}},
                                                   {{"flannel.1", mac(last), ip(node)}}});
}

PeerPlanPtr direct_peer(const std::string& subnet, const std::string& node) {
  return std::make_shared<const PeerPlan>(PeerPlan{{{net(subnet), ip(node), "eth0", false}}, {}, {}});
}

/// A node with two peers, and a kernel that holds just what they need.
struct Bench {
  Bench() {
    flanneld::Device device;
    device.name = "flannel.1";
    device.mtu = 1450;
    device.mac = mac(1);
    device.address = net("10.5.1.0/32");
    device.network = net("10.5.0.0/16");
    plan.devices = {device};
    plan.route_links = {"flannel.1", "eth0"};
    plan.networks = {net("10.5.0.0/16")};
    links.set("flannel.1", kVxlan);
    links.set("eth0", kExternal);
    wanted.put(key("10.5.2.0-24"), peer("10.5.2.0/24", "192.0.2.2", 2));
    wanted.put(key("10.5.3.0-24"), peer("10.5.3.0/24", "192.0.2.3", 3));
    take_over(diff());
  }

  [[nodiscard]] KernelWrites diff() const { return diff_kernel(wanted, plan, kernel, links); }
  void take_over(const KernelWrites& writes) {
    kernel.routes.insert(kernel.routes.end(), writes.put_routes.begin(), writes.put_routes.end());
    kernel.neighbours.insert(kernel.neighbours.end(), writes.put_neighbours.begin(),
                             writes.put_neighbours.end());
    kernel.fdb.insert(kernel.fdb.end(), writes.put_fdb.begin(), writes.put_fdb.end());
  }
  KernelWrites changes() { return writes_for(wanted.take_changes(), links); }

  WantedState wanted;
  NodePlan plan;
  KernelState kernel;
  LinkIndexes links;
};

Route route(const std::string& dst, const std::string& gw, int ifindex, uint8_t protocol) {
  return {net(dst), ip(gw), ifindex, protocol};
}

}  // namespace

TEST_CASE("reconcile diff: nothing to do, then what is missing") {
  Bench bench;
  CHECK(bench.kernel.routes.size() == 2);
  CHECK(bench.diff().count() == 0);
  bench.kernel = {};
  const KernelWrites writes = bench.diff();
  CHECK(writes.count() == 6);
  CHECK(writes.put_routes[0] ==
        Route{net("10.5.2.0/24"), ip("10.5.2.0"), kVxlan, flanneld::kRouteProtocol, true});
}

TEST_CASE("reconcile diff: objects wait for their link") {
  Bench bench;
  bench.kernel = {};
  bench.links = {};
  const KernelWrites writes = bench.diff();
  CHECK(writes.count() == 0);
  CHECK(writes.missing_links.at("flannel.1") == 6);
}

TEST_CASE("reconcile diff: leftovers on the device go, the kernel's own rows stay") {
  Bench bench;
  bench.kernel.neighbours.push_back({kVxlan, ip("10.5.9.0"), mac(9)});
  bench.kernel.neighbours.push_back({kVxlan, ip("10.5.10.0"), mac(9), false});
  bench.kernel.fdb.push_back({kVxlan, mac(9), ip("192.0.2.9")});
  bench.kernel.fdb.push_back({kVxlan, mac(10), ip("192.0.2.9"), false});
  bench.kernel.routes.push_back(route("10.5.9.0/24", "10.5.9.0", kVxlan, netlink::kProtocolBoot));
  const KernelWrites writes = bench.diff();
  CHECK(writes.count() == 3);
  CHECK(writes.remove_neighbours[0].address == ip("10.5.9.0"));
  CHECK(writes.remove_fdb[0].mac == mac(9));
  CHECK(writes.remove_routes[0].dst == net("10.5.9.0/24"));
}

TEST_CASE("reconcile diff: foreign routes stay") {
  Bench bench;
  const auto kernel_proto = uint8_t{2}, static_proto = uint8_t{4};
  bench.kernel.routes.push_back(route("10.5.9.0/24", "10.5.9.0", kVxlan, static_proto));
  bench.kernel.routes.push_back(route("10.5.1.0/24", "10.5.1.0", kVxlan, kernel_proto));
  bench.kernel.routes.push_back(route("172.16.0.0/16", "10.5.9.0", kVxlan, netlink::kProtocolBoot));
  bench.kernel.routes.push_back(route("10.0.0.0/8", "10.5.9.0", kVxlan, netlink::kProtocolBoot));
  bench.kernel.routes.push_back(route("10.5.9.0/24", "192.0.2.9", kExternal, netlink::kProtocolBoot));
  bench.kernel.routes.push_back(route("10.5.9.0/24", "192.0.2.9", kExternal, static_proto));
  bench.kernel.routes.push_back(route("10.6.9.0/24", "192.0.2.9", kExternal, flanneld::kRouteProtocol));
  CHECK(bench.diff().count() == 0);
  bench.kernel.routes.push_back(route("10.5.9.0/24", "192.0.2.9", kExternal, flanneld::kRouteProtocol));
  CHECK(bench.diff().remove_routes.size() == 1);
}

TEST_CASE("reconcile diff: upstream's routes are taken over in place") {
  Bench bench;
  for (Route& one : bench.kernel.routes) one.protocol = netlink::kProtocolBoot;
  const KernelWrites writes = bench.diff();
  CHECK(writes.put_routes.size() == 2);
  CHECK(writes.count() == 2);
}

TEST_CASE("reconcile diff: wrong MAC, wrong node, second destination") {
  Bench bench;
  bench.kernel.neighbours[0].mac = mac(99);
  bench.kernel.fdb[0].dst = ip("192.0.2.99");
  bench.kernel.fdb.push_back({kVxlan, mac(3), ip("192.0.2.98")});
  const KernelWrites writes = bench.diff();
  CHECK(writes.put_neighbours.size() == 1);
  CHECK(writes.put_fdb.size() == 1);
  REQUIRE(writes.remove_fdb.size() == 1);
  CHECK(writes.remove_fdb[0].dst == ip("192.0.2.98"));
  CHECK(writes.count() == 3);
}

TEST_CASE("reconcile diff: blackholes") {
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

TEST_CASE("wanted state: a change sends just what is different") {
  Bench bench;
  CHECK(bench.changes().count() == 6);
  bench.wanted.put(key("10.5.2.0-24"), peer("10.5.2.0/24", "192.0.2.2", 2));
  CHECK(bench.changes().count() == 0);
  bench.wanted.put(key("10.5.2.0-24"), peer("10.5.2.0/24", "192.0.2.2", 22));
  KernelWrites writes = bench.changes();
  CHECK(writes.put_neighbours.size() == 1);
  CHECK(writes.put_fdb.size() == 1);
  REQUIRE(writes.remove_fdb.size() == 1);
  CHECK(writes.remove_fdb[0].mac == mac(2));
  CHECK(writes.count() == 3);
  bench.wanted.put(key("10.5.2.0-24"), direct_peer("10.5.2.0/24", "192.0.2.2"));
  writes = bench.changes();
  CHECK(writes.put_routes.size() == 1);
  CHECK(writes.remove_routes.empty());
  CHECK(writes.remove_neighbours.size() == 1);
  CHECK(writes.remove_fdb.size() == 1);
  bench.wanted.remove(key("10.5.2.0-24"));
  bench.wanted.remove(key("10.5.77.0-24"));
  CHECK(bench.changes().remove_routes.size() == 1);
}

TEST_CASE("wanted state: what two leases need stays with the one that remains") {
  Bench bench;
  bench.changes();
  // The same node with another subnet, and later at another address.
  bench.wanted.put(key("10.5.4.0-24"), peer("10.5.4.0/24", "192.0.2.2", 2));
  CHECK(bench.changes().put_fdb.empty());
  bench.wanted.remove(key("10.5.2.0-24"));
  KernelWrites writes = bench.changes();
  CHECK(writes.remove_fdb.empty());
  CHECK(writes.remove_routes.size() == 1);
  bench.wanted.put(key("10.5.5.0-24"), peer("10.5.5.0/24", "192.0.2.55", 2));
  CHECK(bench.changes().put_fdb.at(0).dst == ip("192.0.2.55"));
  bench.wanted.remove(key("10.5.5.0-24"));
  writes = bench.changes();
  CHECK(writes.remove_fdb.empty());
  CHECK(writes.put_fdb.at(0).dst == ip("192.0.2.2"));
}

TEST_CASE("wanted state: a reset is a comparison") {
  Bench bench;
  bench.changes();
  bench.wanted.reset({{key("10.5.2.0-24"), peer("10.5.2.0/24", "192.0.2.2", 2)}});
  const KernelWrites writes = bench.changes();
  CHECK(writes.remove_routes.size() == 1);
  CHECK(writes.count() == 3);
  CHECK(bench.wanted.routes().size() == 1);
}

TEST_CASE("change judgement") {
  Bench bench;
  flanneld::HostMemory memory;
  memory.links[kExternal] = {"eth0", 1500, true, true};
  const auto verdict = [&](bool removed, const auto& object) {
    const auto judgement = judge({removed, 0, object}, bench.wanted, bench.plan, bench.links, memory);
    return std::string(judgement.drift ? "drift" : "") + (judgement.host ? "host" : "");
  };
  Route kept = bench.kernel.routes[0];
  CHECK(verdict(false, kept).empty());
  CHECK(verdict(true, kept) == "drift");
  CHECK(verdict(true, route("10.5.9.0/24", "10.5.9.0", kVxlan, flanneld::kRouteProtocol)).empty());
  Route connected = route("10.5.7.0/24", "192.0.2.1", kExternal, 2);
  connected.gw.reset();
  CHECK(verdict(false, connected) == "host");
  connected.ifindex = 99;
  CHECK(verdict(false, connected).empty());
  kept.gw = ip("192.0.2.1");
  CHECK(verdict(false, kept) == "drift");
  kept.priority = 100;
  CHECK(verdict(false, kept).empty());
  CHECK(verdict(false, route("0.0.0.0/0", "192.0.2.1", kExternal, 4)) == "host");

  netlink::FdbEntry row = bench.kernel.fdb[0];
  CHECK(verdict(false, row).empty());
  CHECK(verdict(true, row) == "drift");
  row.dst = ip("192.0.2.77");
  CHECK(verdict(false, row) == "drift");
  CHECK(verdict(true, row).empty());
  row.ifindex = 99;
  CHECK(verdict(false, row).empty());

  netlink::Neighbour neighbour = bench.kernel.neighbours[0];
  CHECK(verdict(false, neighbour).empty());
  CHECK(verdict(true, neighbour) == "drift");
  neighbour.permanent = false;
  CHECK(verdict(false, neighbour) == "drift");

  netlink::Address address{net("10.5.1.0/32")};
  address.ifindex = kVxlan;
  CHECK(verdict(false, address).empty());
  CHECK(verdict(true, address) == "drift");
  address.ifindex = kExternal;
  CHECK(verdict(false, address) == "host");
  CHECK(verdict(false, address).empty());  // renewed
  CHECK(verdict(true, address) == "drifthost");
  address.ifindex = 99;  // a pod's
  CHECK(verdict(true, address).empty());

  netlink::Link link;
  link.ifindex = kVxlan;
  link.name = "flannel.1";
  link.mac = mac(1);
  link.mtu = 1450;
  link.flags = 1;  // IFF_UP
  CHECK(verdict(false, link).empty());
  CHECK(verdict(true, link) == "drift");
  link.mtu = 1400;
  CHECK(verdict(false, link) == "drift");
  link.ifindex = 99;
  link.name = "veth12345678";
  CHECK(verdict(false, link).empty());
  link.name = "eth0";  // has come back with another index
  CHECK(verdict(false, link) == "drifthost");
  link.ifindex = kExternal;
  CHECK(verdict(false, link) == "drifthost");
  CHECK(verdict(false, link).empty());
}

TEST_CASE("vxlan device: what can be changed in place") {
  netlink::VxlanSpec spec;
  spec.name = "flannel.1";
  spec.vni = 1;
  spec.local = ip("192.0.2.1");
  netlink::VxlanState state{{}, true, spec, false};
  state.actual.port = 8472;
  CHECK_FALSE(incompatibility(state, spec));
  spec.mtu = 1400;
  spec.mac = mac(5);
  spec.local = ip("192.0.2.2");
  spec.lower = 9;
  spec.learning = true;
  CHECK_FALSE(incompatibility(state, spec));
  spec.local = ip("2001:db8::1");
  CHECK(incompatibility(state, spec));
  spec.local.reset();
  spec.port = 4789;
  CHECK(incompatibility(state, spec).value() == "its port is 8472 instead of 4789");
  spec.port = 8472;
  spec.gbp = true;
  CHECK(incompatibility(state, spec));
  spec.gbp = false;
  state.actual.vni = 2;
  CHECK(incompatibility(state, spec));
  state.is_vxlan = false;
  state.link.kind = "bridge";
  CHECK(incompatibility(state, spec).value() == "it is a 'bridge' device");
}
