#include "flanneld/kernel/desired_state.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/flanneld/kernel/bench.h"

using flanneld::DesiredState;
using flanneld::KernelWrites;
using namespace flanneld_test;

namespace {

/// What is sent to the kernel at each change of the peers.
struct Steps : Bench {
  KernelWrites next() {
    DesiredState now = desired();
    KernelWrites writes = flanneld::diff_desired(before, now, {}, links);
    before = std::move(now);
    return writes;
  }
  DesiredState before;
};

}  // namespace

TEST_CASE("desired state: a change sends only what is different") {
  Steps steps;
  CHECK(steps.next().count() == 6);
  steps.put("10.5.2.0-24", tunnel_peer("10.5.2.0/24", "192.0.2.2", 2));
  CHECK(steps.next().count() == 0);
  steps.put("10.5.2.0-24", tunnel_peer("10.5.2.0/24", "192.0.2.2", 22));
  const KernelWrites writes = steps.next();
  CHECK(writes.put_neighbours.size() == 1);
  CHECK(writes.put_fdb.size() == 1);
  REQUIRE(writes.remove_fdb.size() == 1);
  CHECK(writes.remove_fdb[0].mac == mac(2));
  CHECK(writes.count() == 3);
}

TEST_CASE("desired state: a peer that is directly connected from now on has its route replaced") {
  Steps steps;
  steps.next();
  steps.put("10.5.2.0-24", direct_peer("10.5.2.0/24", "192.0.2.2"));
  const KernelWrites writes = steps.next();
  CHECK(writes.put_routes.size() == 1);
  CHECK(writes.remove_routes.empty());
  CHECK(writes.remove_neighbours.size() == 1);
  CHECK(writes.remove_fdb.size() == 1);
}

TEST_CASE("desired state: all objects of a removed peer go") {
  Steps steps;
  steps.next();
  steps.remove("10.5.2.0-24");
  const KernelWrites writes = steps.next();
  CHECK(writes.remove_routes.size() == 1);
  CHECK(writes.count() == 3);
  CHECK(steps.before.routes().size() == 1);
}

TEST_CASE("desired state: an object that two leases need stays with the one that remains") {
  Steps steps;
  steps.next();
  steps.put("10.5.4.0-24", tunnel_peer("10.5.4.0/24", "192.0.2.2", 2));  // the same node with another subnet
  CHECK(steps.next().put_fdb.empty());
  steps.remove("10.5.2.0-24");
  const KernelWrites writes = steps.next();
  CHECK(writes.remove_fdb.empty());
  CHECK(writes.remove_routes.size() == 1);
}

TEST_CASE(
    "desired state: of two leases with one MAC the later counts, and the earlier again when that goes") {
  Steps steps;
  steps.next();
  // A higher and a lower key than that of the peer that has the MAC: the key does not matter.
  for (const std::string lease : {"10.5.5.0-24", "10.5.1.0-24"}) {
    CAPTURE(lease);
    steps.put(lease, tunnel_peer("10.5.5.0/24", "192.0.2.55", 2));
    CHECK(steps.next().put_fdb.at(0).dst == ip("192.0.2.55"));
    steps.remove(lease);
    const KernelWrites writes = steps.next();
    CHECK(writes.remove_fdb.empty());
    CHECK(writes.put_fdb.at(0).dst == ip("192.0.2.2"));
  }
}

TEST_CASE("desired state: finds an object by what the kernel knows it by") {
  const DesiredState desired = Bench().desired();
  CHECK(desired.routes().find({net("10.5.3.0/24")})->gw == ip("10.5.3.0"));
  CHECK(desired.routes().find({net("10.5.3.0/25")}) == nullptr);
  const std::string link = "flannel.1", other = "eth0";
  CHECK(desired.neighbours().find({link, ip("10.5.2.0")})->mac == mac(2));
  CHECK(desired.neighbours().find({other, ip("10.5.2.0")}) == nullptr);
  CHECK(desired.fdb().find({link, mac(3).bytes})->dst == ip("192.0.2.3"));
}
