// What the etcd store does about an etcd that lies, goes back in time, or holds junk.
#include <doctest/doctest.h>

#include "tests/unit/flanneld/store/etcd/node.h"

using namespace flanneld_test;

TEST_CASE("etcd store: a deletion that is reported and did not happen changes nothing, true ones are sent") {
  Node node;
  node.etcd.put(kSubnets + "10.5.9.0-24", kPeer, 5);
  node.start_and_settle();
  node.etcd.lie({true, {kSubnets + "10.5.9.0-24", {}, node.etcd.revision, 0, 0}});
  node.time.advance(seconds(1));
  CHECK(node.sent() == "list(2) ");
  node.etcd.remove(kSubnets + "10.5.9.0-24");
  node.time.advance(milliseconds(700));
  CHECK(node.sent() == "-10.5.9.0-24 ");
}

TEST_CASE("etcd store: what changes after a deletion is sent after it, and a burst asks twice a second") {
  Node node;
  for (int i = 10; i < 60; ++i) node.etcd.put(fmt::format("{}10.5.{}.0-24", kSubnets, i), kPeer, 5);
  node.start_and_settle();
  for (int i = 10; i < 60; ++i) {
    node.etcd.remove(fmt::format("{}10.5.{}.0-24", kSubnets, i));
    node.time.advance(milliseconds(20));
  }
  node.etcd.put(kSubnets + "10.5.59.0-24", kPeer, 6);
  node.time.advance(seconds(1));
  CHECK(contains(node.sent(), "-10.5.58.0-24 -10.5.59.0-24 +10.5.59.0-24 "));
  size_t probes = 0;
  for (size_t at = 0; (at = node.etcd.calls.find("probe", at)) != std::string::npos; ++at) ++probes;
  CHECK(probes <= 5);
  CHECK_FALSE(contains(node.etcd.calls, "list"));
}

TEST_CASE("etcd store: while nobody can say whether a deletion is true the peer stays") {
  Node node;
  node.etcd.put(kSubnets + "10.5.9.0-24", kPeer, 5);
  node.start_and_settle();
  node.etcd.failure = "http://fake: gone";
  node.etcd.remove(kSubnets + "10.5.9.0-24");
  node.time.advance(seconds(20));
  CHECK_FALSE(contains(node.sent(), "10.5.9.0"));
  node.etcd.failure.reset();
  node.time.advance(seconds(10));
  CHECK(contains(node.sent(), "list(1) "));
}

TEST_CASE("etcd store: a change that no watch reports is found by the number of keys") {
  Node node;
  node.start_and_settle();
  node.etcd.keys[kSubnets + "10.5.9.0-24"] = {kSubnets + "10.5.9.0-24", kPeer, 3, 5, 3};
  node.time.advance(seconds(15));
  CHECK(node.sent() == "list(2) ");
  node.time.advance(seconds(60));
  CHECK(node.sent().empty());
}

TEST_CASE("etcd store: a cluster that is another one, or went back to an earlier state, is listed again") {
  for (const bool is_other : {false, true}) {
    Node node;
    node.start_and_settle();
    node.etcd.put(kSubnets + "10.5.9.0-24", kPeer, 5);
    node.time.advance(milliseconds(50));
    node.sent();
    if (is_other)
      node.etcd.cluster = "2";
    else
      node.etcd.turn_back(node.etcd.revision - 1);
    node.time.advance(seconds(15));
    CHECK(contains(node.sent(), is_other ? "wiped(2) " : "wiped(1) "));
  }
}

TEST_CASE("etcd store: an own lease that somebody overwrites with junk is told of and put again") {
  Node node;
  node.start_and_settle();
  const std::string before = node.value();
  node.etcd.put(kSubnets + "10.5.7.0-24", std::string(60'000, 'x'));
  node.time.advance(milliseconds(50));
  CHECK(
      contains(node.sent(), "contested(somebody has written to this node's lease 10.5.7.0/24 what is none"));
  node.time.advance(seconds(2));
  CHECK(node.value() == before);
  CHECK(contains(node.sent(), "claimed(kept 10.5.7.0-24) "));
}

TEST_CASE(
    "etcd store: junk under a lease's name keeps no node from its own subnet, and that subnet from others") {
  Node node;
  node.etcd.put(kSubnets + "10.5.7.0-24", "junk");
  node.start();
  CHECK(contains(node.sent(), "claimed(kept 10.5.7.0-24) "));
  Node other;
  for (int i = 1; i <= 255; ++i)
    if (i != 99) other.etcd.put(fmt::format("{}10.5.{}.0-24", kSubnets, i), "junk");
  other.start("10.9.9.0-24");
  CHECK(contains(other.sent(), "claimed(fresh 10.5.99.0-24) "));
}
