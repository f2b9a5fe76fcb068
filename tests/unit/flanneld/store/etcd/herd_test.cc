// What a node spares etcd that thousands of others ask at the same time.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "flanneld/store/spread.h"
#include "tests/unit/flanneld/store/etcd/node.h"

using namespace flanneld_test;

TEST_CASE("etcd store: after an outage the watch goes on at once, and a list follows at leisure") {
  Node node;
  for (int i = 0; i < 1000; ++i)
    node.etcd.put(fmt::format("{}10.5.{}.{}-30", kSubnets, i / 64, i % 64 * 4), kPeer, 5);
  node.start_and_settle();
  node.etcd.failure = "http://fake: gone";
  node.etcd.end_watch();
  node.time.advance(seconds(3));
  CHECK(node.sent() == "unreachable(etcd does not serve: http://fake: gone) ");
  node.etcd.calls.clear();
  node.etcd.put(kSubnets + "10.5.200.0-24", kPeer, 5);
  node.etcd.failure.reset();
  node.time.advance(seconds(20));
  const std::string sent = node.sent();  // the watch tries by itself, too
  CHECK((sent == "connected +10.5.200.0-24 list(1002) " || sent == "+10.5.200.0-24 connected list(1002) "));
  CHECK(node.etcd.calls.find("list") == node.etcd.calls.rfind("list"));
}

TEST_CASE("etcd store: what was lost during an outage is listed when the store answers") {
  Node node;
  node.start_and_settle();
  node.etcd.failure = "http://fake: gone";
  node.etcd.end_watch();
  node.time.advance(seconds(3));
  node.etcd.remove(kSubnets + "10.5.7.0-24");
  node.etcd.put(kSubnets + "10.5.9.0-24", kPeer, 5);
  node.etcd.compact();
  node.etcd.failure.reset();
  node.sent();
  node.time.advance(seconds(6));
  CHECK(contains(node.sent(), "claimed(kept 10.5.7.0-24) "));
  CHECK_FALSE(node.value().empty());
}

TEST_CASE("etcd store: a node that loses a race draws from all subnets that are free") {
  int highest = 0;
  for (int i = 0; i < 40; ++i) {
    Node node;
    node.etcd.before_put = [&] { node.etcd.put(kSubnets + "10.5.7.0-24", kPeer, 5); };
    node.start();
    for (int subnet = 101; subnet < 256; ++subnet)
      if (!node.value(fmt::format("10.5.{}.0-24", subnet)).empty()) highest = std::max(highest, subnet);
  }
  CHECK(highest > 201);
}

TEST_CASE("etcd store: nodes that began together do not ask together") {
  std::set<int> steps;
  for (int i = 0; i < 20; ++i) {
    Node node;
    node.start();
    int step = 0;
    for (; step < 200 && !contains(node.etcd.calls, "probe"); ++step) node.time.advance(milliseconds(100));
    CHECK(step >= 39);
    steps.insert(step);
  }
  CHECK(steps.size() > 5);
  CHECK(*steps.rbegin() <= 150);
}

TEST_CASE("etcd store: nodes that an etcd has not answered in time do not ask again together") {
  std::set<int> steps;
  for (int i = 0; i < 20; ++i) {
    Node node;
    node.etcd.delay = seconds(10);
    node.etcd.failure = "http://fake: timed out";
    node.start();
    int step = 0;
    for (; step < 300 && node.etcd.calls.find("read") == node.etcd.calls.rfind("read"); ++step)
      node.time.advance(milliseconds(100));
    steps.insert(step);
  }
  CHECK(*steps.begin() >= 90);
  CHECK(*steps.rbegin() - *steps.begin() > 20);
  CHECK(*steps.rbegin() <= 192);
}

TEST_CASE("etcd store: while events arrive late the number of keys is no reason to list again") {
  Node node;
  node.start_and_settle();
  std::vector<EtcdEvent> late;
  for (int i = 0; i < 60; ++i)
    late.push_back(node.etcd.put_silently(fmt::format("{}10.5.{}.0-24", kSubnets, 100 + i), kPeer, 5));
  for (const EtcdEvent& event : late) {
    node.etcd.tell(event);
    node.time.advance(seconds(1));
  }
  node.time.advance(seconds(20));
  CHECK_FALSE(contains(node.etcd.calls, "list"));
  node.etcd.put_silently(kSubnets + "10.5.200.0-24", kPeer, 5);  // and nobody tells of it
  node.time.advance(seconds(20));
  CHECK(contains(node.etcd.calls, "list"));
}

TEST_CASE("etcd store: a call that fails while events arrive is no outage") {
  Node node;
  node.start_and_settle();
  node.etcd.delay = milliseconds(900);
  node.etcd.failure = "http://fake: timed out";
  for (int i = 0; i < 120; ++i) {  // one at least in the time of any call
    node.etcd.put(fmt::format("{}10.5.{}.0-24", kSubnets, 100 + i), kPeer, 5);
    node.time.advance(milliseconds(500));
  }
  CHECK_FALSE(contains(node.sent(), "unreachable"));
  node.time.advance(seconds(20));
  CHECK(contains(node.sent(), "unreachable"));
}

TEST_CASE("etcd store: a watch that ends goes on behind the last event that it brought") {
  Node node;
  node.start_and_settle();
  const EtcdEvent first = node.etcd.put_silently(kSubnets + "10.5.101.0-24", kPeer, 5);
  ++node.etcd.revision;  // of what follows, when the message is sent
  node.etcd.tell(first);
  node.time.advance(milliseconds(0));
  --node.etcd.revision;
  node.etcd.put(kSubnets + "10.5.102.0-24", kPeer, 5);
  node.etcd.end_watch();
  CHECK(node.sent() == "+10.5.101.0-24 ");
  node.time.advance(seconds(3));
  CHECK(node.sent() == "+10.5.102.0-24 ");
}

TEST_CASE("etcd store: the more leases there are, the longer all nodes take for what each of them does") {
  CHECK(list_spread(0) == milliseconds(0));
  CHECK(list_spread(100) == milliseconds(100));
  CHECK(list_spread(2000) == seconds(40));
  CHECK(list_spread(1'000'000'000'000) == minutes(5));
  CHECK(list_spread(-1) == milliseconds(0));
  CHECK(urgent_list_spread(2000) == seconds(10));
  CHECK(question_spread(5000) == seconds(2));
  for (int i = 0; i < 100; ++i) CHECK(random_part(seconds(1)) <= seconds(1));
  CHECK(random_part(seconds(0)) == seconds(0));
}
