// The etcd store's order of events.
#include <doctest/doctest.h>

#include <tuple>

#include "tests/unit/flanneld/store/etcd/node.h"

using namespace flanneld_test;

TEST_CASE(
    "etcd store: reads the configuration, claims a lease of 24 hours and sends the list before the claim") {
  Node node;
  node.etcd.put(kSubnets + "10.5.9.0-24", kPeer, 5);
  node.start();
  CHECK(node.sent() == "config wiped(2) claimed(kept 10.5.7.0-24) +10.5.7.0-24 ");
  CHECK(node.etcd.calls == "read read list grant put ");
  CHECK(node.etcd.leases.at(node.etcd_lease()) == 86400);
  CHECK(contains(node.value(), R"("PublicIP":"192.168.0.1")"));
}

TEST_CASE("etcd store: a node that finds its lease takes it over, and keeps its etcd lease") {
  Node node;
  node.etcd.leases[5] = 7200;
  node.etcd.put(kSubnets + "10.5.7.0-24",
                R"({"PublicIP":"192.168.0.1","PublicIPv6":null,"BackendType":"host-gw"})", 5);
  node.start();
  CHECK(node.sent() == "config list(1) claimed(own 10.5.7.0-24) +10.5.7.0-24 ");
  CHECK(node.etcd_lease() == 5);
}

TEST_CASE("etcd store: without a configuration it says how to put one, and goes on when there is one") {
  Node node;
  node.etcd.remove("/net/config");
  node.start();
  CHECK(contains(node.sent(),
                 "unreachable(fake has no network configuration; put one: etcdctl put /net/config "
                 R"('{"Network")"));
  node.etcd.put("/net/config", kConfig);
  node.time.advance(seconds(6));
  CHECK(node.sent() == "connected config wiped(1) claimed(kept 10.5.7.0-24) +10.5.7.0-24 ");
}

TEST_CASE(
    "etcd store: a node that loses the race for a subnet takes another one, without another list or etcd "
    "lease") {
  Node node;
  node.etcd.before_put = [&] { node.etcd.put(kSubnets + "10.5.7.0-24", kPeer, 5); };
  node.start();
  const std::string sent = node.sent();
  CHECK(contains(sent, "claimed(fresh "));
  CHECK(contains(node.etcd.calls, "grant put put "));
  CHECK(node.value() == kPeer);
  CHECK(node.etcd.leases.size() == 1);
}

TEST_CASE("etcd store: a put whose answer was lost and that had won is no lost race") {
  Node node;
  node.etcd.before_put = [&] {
    node.etcd.put(kSubnets + "10.5.7.0-24",
                  R"({"PublicIP":"192.168.0.1","PublicIPv6":null,"BackendType":"host-gw"})", 101);
  };
  node.start();
  CHECK(contains(node.sent(), "claimed(kept 10.5.7.0-24) "));
  CHECK_FALSE(contains(node.etcd.calls, "revoke"));
}

TEST_CASE("etcd store: a reservation is taken over without an etcd lease, and never renewed") {
  Node node;
  node.etcd.put(kSubnets + "10.5.7.0-24", R"({"PublicIP":"192.168.0.1","PublicIPv6":null})");
  node.start();
  CHECK(node.sent() == "config list(1) claimed(own 10.5.7.0-24 reserved) +10.5.7.0-24 ");
  CHECK(node.etcd.calls == "read read list put ");
  CHECK(node.etcd_lease() == 0);
  node.time.advance(hours(48));
  CHECK(node.sent().empty());
}

TEST_CASE("etcd store: the lease is renewed an hour before its end") {
  Node node;
  node.start_and_settle();
  node.time.advance(hours(23) - minutes(3));
  CHECK(node.sent().empty());
  node.time.advance(minutes(3));
  CHECK(node.sent() == "renewed(24h) ");
}

TEST_CASE("etcd store: a node that asks for no subnet follows the leases, and writes nothing") {
  Node node;
  node.etcd.put(kSubnets + "10.5.9.0-24", kPeer, 5);
  node.start_watching();
  CHECK(node.sent() == "config list(1) ");
  node.etcd.put(kSubnets + "10.5.8.0-24", kPeer, 5);
  node.etcd.remove(kSubnets + "10.5.9.0-24");
  node.time.advance(seconds(30));
  CHECK(node.sent() == "+10.5.8.0-24 -10.5.9.0-24 ");
  CHECK(!contains(node.etcd.calls, "put"));
  CHECK(!contains(node.etcd.calls, "grant"));
}

TEST_CASE("etcd store: the renewal keeps its margin at the ends of the range, and a lease that is shorter") {
  for (const auto& [margin, granted, due] :
       {std::tuple(minutes(1), hours(24), minutes(1439)), std::tuple(minutes(1439), hours(24), minutes(1)),
        std::tuple(minutes(120), hours(1), minutes(20))}) {
    Node node(margin);
    node.start_and_settle();
    node.etcd.leases.at(node.etcd_lease()) = std::chrono::seconds(granted).count();
    node.time.advance(minutes(1440));  // renewed with what is granted now
    node.sent();
    node.time.advance(due * 3 + seconds(1));
    const std::string sent = node.sent();
    size_t renewals = 0;
    for (size_t at = 0; (at = sent.find("renewed", at)) != std::string::npos; ++at) ++renewals;
    CHECK(renewals == 3);
  }
}

TEST_CASE("etcd store: changes of other leases are sent as they come") {
  Node node;
  node.start_and_settle();
  node.etcd.put(kSubnets + "10.5.9.0-24", kPeer, 5);
  node.time.advance(milliseconds(10));
  node.etcd.remove(kSubnets + "10.5.9.0-24");
  node.time.advance(milliseconds(10));
  CHECK(node.sent() == "+10.5.9.0-24 -10.5.9.0-24 ");
}

TEST_CASE("etcd store: an entry that cannot be read is skipped, once for each value") {
  Node node;
  node.start_and_settle();
  for (const char* value : {"{", "{", "["}) node.etcd.put(kSubnets + "10.5.9.0-24", value, 5);
  node.time.advance(milliseconds(10));
  CHECK(node.sent() == "skipped(/net/subnets/10.5.9.0-24) skipped(/net/subnets/10.5.9.0-24) ");
}

TEST_CASE(
    "etcd store: the own key is claimed again in place when it is deleted, and no wiped store is reported") {
  Node node;
  node.start_and_settle();
  node.etcd.revoke(node.etcd_lease());
  node.time.advance(seconds(1));
  CHECK(node.sent() == "-10.5.7.0-24 list(1) claimed(kept 10.5.7.0-24) +10.5.7.0-24 ");
  CHECK_FALSE(node.value().empty());
}

TEST_CASE("etcd store: a changed public address is published under the key that is held") {
  Node node;
  node.start_and_settle();
  const int64_t etcd_lease = node.etcd_lease();
  node.publish("192.168.0.2");
  node.time.advance(seconds(1));
  CHECK(contains(node.value(), R"("PublicIP":"192.168.0.2")"));
  CHECK(node.etcd_lease() == etcd_lease);
  CHECK(contains(node.sent(), "claimed(own 10.5.7.0-24) "));
}

TEST_CASE("etcd store: a claim during a pass is met by another pass") {
  Node node;
  node.start_and_settle();
  node.publish("192.168.0.2");
  node.etcd.before_put = [&] { node.publish("192.168.0.3"); };
  node.time.advance(seconds(1));
  CHECK(contains(node.value(), R"("PublicIP":"192.168.0.3")"));
}

TEST_CASE(
    "etcd store: after a wipe the lease is claimed again, and the list is complete a minute later only") {
  Node node;
  node.etcd.put(kSubnets + "10.5.9.0-24", kPeer, 5);
  node.start_and_settle();
  node.etcd.wipe();
  node.etcd.put("/net/config", kConfig);
  node.etcd.end_watch();
  node.time.advance(seconds(12));  // a probe finds it
  CHECK(node.sent() == "wiped(1) claimed(kept 10.5.7.0-24) +10.5.7.0-24 ");
  node.publish("192.168.0.2");  // a list in between does not say that the peer is gone
  node.time.advance(seconds(1));
  CHECK(contains(node.sent(), "wiped(1) claimed(own "));
  node.etcd.put(kSubnets + "10.5.9.0-24", kPeer, 5);
  node.time.advance(seconds(60));
  CHECK(contains(node.sent(), "list(2) "));
}

TEST_CASE("etcd store: what a compacted history lacks is read from a new list") {
  Node node;
  node.start_and_settle();
  node.etcd.failure = "http://fake: gone";
  node.etcd.end_watch();
  node.etcd.put(kSubnets + "10.5.9.0-24", kPeer, 5);
  node.etcd.compact();
  node.time.advance(seconds(1));
  node.sent();
  node.etcd.failure.reset();
  node.time.advance(seconds(15));
  CHECK(contains(node.sent(), "list(2) "));
  node.etcd.put(kSubnets + "10.5.9.0-24", kPeer, 6);
  node.time.advance(milliseconds(10));
  CHECK(node.sent() == "+10.5.9.0-24 ");
}

TEST_CASE("etcd store: another node that writes to the own key is reported, and answered ever more slowly") {
  const std::string theirs = R"({"PublicIP":"192.168.0.1","PublicIPv6":null,"BackendType":"vxlan"})";
  Node node;
  node.start_and_settle();
  for (int i = 0; i < 3; ++i) {
    node.etcd.put(kSubnets + "10.5.7.0-24", theirs, 5);
    node.time.advance(milliseconds(10));
    CHECK(
        node.sent() ==
        "+10.5.7.0-24 contested(another node writes to this node's lease 10.5.7.0/24 and has the same public "
        "address 192.168.0.1: give each node an address of its own, by --public-ip if they share one) ");
    node.time.advance(milliseconds(500 << i) - milliseconds(20));
    CHECK(node.value() == theirs);
    node.time.advance(seconds(1 << i));
    CHECK(contains(node.sent(), "claimed(own 10.5.7.0-24) "));
    CHECK(node.value() != theirs);
  }
}

TEST_CASE("etcd store: a twin that publishes the very same lease is noticed, and is told by another put") {
  Node node;
  node.start_and_settle();
  const int64_t etcd_lease = node.etcd_lease();
  const auto twin_starts = [&] { node.etcd.put(kSubnets + "10.5.7.0-24", node.value(), etcd_lease); };
  twin_starts();
  node.time.advance(milliseconds(20));
  CHECK(contains(node.sent(),
                 "contested(another node writes to this node's lease 10.5.7.0/24 and has the same "
                 "public address 192.168.0.1 and the same backend data, as a clone"));
  twin_starts();  // it is known now
  node.time.advance(milliseconds(20));
  CHECK(!contains(node.sent(), "contested"));
  CHECK(!contains(node.etcd.calls, "put "));
  node.time.advance(seconds(2));
  CHECK(contains(node.etcd.calls, "put "));
  CHECK(node.etcd_lease() == etcd_lease);
  CHECK(contains(node.sent(), "claimed(own 10.5.7.0-24) "));
}

TEST_CASE("etcd store: a store that refuses writes is unreachable, and changes are followed all the same") {
  Node node;
  node.start_and_settle();
  node.etcd.write_failure = "http://fake: database space exceeded";
  node.etcd.revoke(node.etcd_lease());
  node.etcd.put(kSubnets + "10.5.9.0-24", kPeer, 5);
  node.time.advance(seconds(10));
  CHECK(node.sent() ==
        "-10.5.7.0-24 +10.5.9.0-24 unreachable(etcd does not serve: http://fake: database space exceeded) ");
  CHECK(node.etcd.leases.empty());  // each grant was revoked
  node.etcd.put(kSubnets + "10.5.9.0-24", kPeer, 6);
  node.time.advance(seconds(5));
  CHECK(node.sent() == "+10.5.9.0-24 ");
  node.etcd.write_failure.reset();
  node.time.advance(seconds(6));
  CHECK(node.sent() == "connected list(2) claimed(kept 10.5.7.0-24) +10.5.7.0-24 ");
}

TEST_CASE("etcd store: an outage is reported once, and again for another reason") {
  Node node;
  node.start_and_settle();
  node.etcd.failure = "http://fake: refused";
  node.time.advance(seconds(30));
  CHECK(node.sent() == "unreachable(etcd does not serve: http://fake: refused) ");
  node.etcd.failure = "http://fake: timed out";
  node.time.advance(seconds(30));
  CHECK(node.sent() == "still(etcd does not serve: http://fake: timed out) ");
  node.etcd.failure.reset();
  node.time.advance(seconds(10));
  CHECK(node.sent() == "connected list(1) ");
}
