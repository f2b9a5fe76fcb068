#include "flanneld/kernel/desired_state.h"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "tests/unit/flanneld/kernel/bench.h"

using flanneld::DesiredState;
using flanneld::KernelWrites;
using namespace flanneld_test;

namespace {

/// What is sent to the kernel at each change of the peers.
struct Steps : Bench {
  KernelWrites next() {
    const auto change = state.take(changes_between(before, peers));
    before = peers;
    return flanneld::diff_desired(change, state, {}, links);
  }
  flanneld::PeerPlans before;
  DesiredState state;
};

/// The objects of a set, as text.
template <class Set>
std::string objects_of(const Set& set) {
  std::string all;
  for (const auto& [object, published] : set)
    fmt::format_to(std::back_inserter(all), "{} ", fmt::ptr(object));
  return all;
}

/// Puts or removes one of five leases: of three nodes, some with a MAC address of another one.
void change_one(Steps& steps, std::mt19937& random) {
  const auto below = [&](unsigned bound) { return static_cast<uint8_t>(random() % bound); };
  const std::string subnet = fmt::format("10.5.{}.0", 2 + below(5));
  if (below(3) == 0)
    steps.remove(fmt::format("{}-24", subnet));
  else
    steps.put(fmt::format("{}-24", subnet), tunnel_peer(fmt::format("10.5.{}.0/24", 2 + below(6)),
                                                        fmt::format("192.0.2.{}", below(3)), below(3)));
}

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
  CHECK(steps.state.routes().size() == 1);
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

TEST_CASE(
    "desired state: after any changes it is what all plans together make, and each change is told once") {
  Steps steps;
  steps.next();
  std::mt19937 random(1);
  for (int step = 0; step < 500; ++step) {
    CAPTURE(step);
    std::map<std::array<uint8_t, 6>, const flanneld::PlannedFdbEntry*> told;
    for (const auto& [object, published] : steps.state.fdb()) told[object->mac.bytes] = object;
    for (unsigned i = 0; i <= random() % 3; ++i) change_one(steps, random);
    const auto change = steps.state.take(changes_between(steps.before, steps.peers));
    steps.before = steps.peers;
    for (const auto& [before, now] : change.fdb) {
      const auto mac = (before ? before : now)->mac.bytes;
      CHECK(std::exchange(told[mac], now) == before);
      if (!now) told.erase(mac);
    }
    const DesiredState whole = steps.desired();
    REQUIRE(objects_of(steps.state.routes()) == objects_of(whole.routes()));
    REQUIRE(objects_of(steps.state.neighbours()) == objects_of(whole.neighbours()));
    REQUIRE(objects_of(steps.state.fdb()) == objects_of(whole.fdb()));
    REQUIRE(told.size() == whole.fdb().size());
    for (const auto& [object, published] : whole.fdb()) CHECK(told.at(object->mac.bytes) == object);
  }
}

TEST_CASE("desired state: finds an object by what the kernel knows it by") {
  const DesiredState desired = Bench().desired();
  CHECK(desired.routes().find({net("10.5.3.0/24")})->gw == ip("10.5.3.0"));
  CHECK(desired.routes().find({net("10.5.3.0/25")}) == nullptr);
  const std::string link = "flannel.1", other = "eth0";
  CHECK(desired.neighbours().find({ip("10.5.2.0"), link})->mac == mac(2));
  CHECK(desired.neighbours().find({ip("10.5.2.0"), other}) == nullptr);
  CHECK(desired.fdb().find({mac(3).bytes, link})->dst == ip("192.0.2.3"));
}
