// A node's store on an etcd and a clock of the test's own.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "flanneld/store/etcd/store.h"
#include "tests/support/fake_etcd.h"
#include "tests/support/fake_time.h"
#include "tests/unit/flanneld/test_support.h"

namespace flanneld_test {

using namespace flanneld;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

inline const std::string kConfig = R"({"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}})";
inline const std::string kPeer = R"({"PublicIP":"192.168.0.9","PublicIPv6":null,"BackendType":"host-gw"})";
inline const std::string kSubnets = "/net/subnets/";

/// A node: its store on a fake etcd, and what the store sent.
class Node {
 public:
  explicit Node(minutes margin = minutes(60)) : renew_margin(margin) { etcd.put("/net/config", kConfig); }

  void start(const std::string& previous = "10.5.7.0-24") {
    claim_.attributes.public_ip = ip("192.168.0.1");
    claim_.attributes.backend_type = "host-gw";
    claim_.previous = key(previous);
    store.start(
        [this](const StoreEvent& event) { std::visit([this](const auto& one) { take(one); }, event); });
    time.advance(seconds(1));
  }
  /// The same, until the list that follows a first claim has been sent.
  void start_and_settle() {
    start();
    time.advance(minutes(2));
    sent();
    etcd.calls.clear();
  }
  /// Asks for no lease of its own.
  void start_watching() {
    claim_.kind = Claim::Kind::none;
    store.start(
        [this](const StoreEvent& event) { std::visit([this](const auto& one) { take(one); }, event); });
    time.advance(seconds(1));
  }
  void publish(const std::string& public_ip) {
    claim_.attributes.public_ip = ip(public_ip);
    store.claim(claim_);
  }
  /// What was sent since the last call of it.
  std::string sent() { return std::exchange(events_, {}); }
  /// The value under a lease's key; empty if there is none.
  [[nodiscard]] std::string value(const std::string& name = "10.5.7.0-24") const {
    const auto found = etcd.keys.find(kSubnets + name);
    return found == etcd.keys.end() ? "" : found->second.value;
  }
  [[nodiscard]] int64_t etcd_lease(const std::string& name = "10.5.7.0-24") const {
    return etcd.keys.at(kSubnets + name).lease;
  }

  minutes renew_margin;
  test::FakeTime time;
  test::FakeEtcd etcd{time.loop};
  EtcdStore store{time.loop,
                  std::make_unique<test::FakeEtcdClient>(etcd),
                  {.prefix = "/net/", .renew_margin = renew_margin, .now = [this] { return time.wall(); }}};

 private:
  void take(const NodeRead& /*event*/) {}
  void take(const ConfigRead& event) {
    events_ += "config ";
    claim_.config = NetworkConfig::parse(event.text);
    store.claim(claim_);
  }
  void take(const LeaseClaimed& event) {
    const char* origins[] = {"own", "kept", "fresh"};
    events_ += fmt::format("claimed({} {}{}) ", origins[static_cast<int>(event.origin)],
                           event.own.key.format(), event.own.expiry ? "" : " reserved");
  }
  void take(const LeaseRenewed& event) {
    events_ +=
        fmt::format("renewed({}h) ", std::chrono::floor<hours>(*event.own.expiry - time.wall()).count());
  }
  void take(const ClaimFailed& event) { events_ += fmt::format("failed({}) ", event.reason); }
  void take(const LeaseContested& event) { events_ += fmt::format("contested({}) ", event.reason); }
  void take(const LeasesListed& event) {
    events_ += fmt::format("{}({}) ", event.extent == LeasesListed::Extent::complete ? "list" : "wiped",
                           event.leases.size());
  }
  void take(const LeasesChanged& event) {
    for (const LeaseEvent& one : event.events)
      events_ += fmt::format("{}{} ", one.kind == LeaseEvent::Kind::put ? '+' : '-', one.lease.key.format());
  }
  void take(const EntrySkipped& event) { events_ += fmt::format("skipped({}) ", event.entry); }
  void take(const StoreConnected&) { events_ += "connected "; }
  void take(const StoreUnreachable& event) {
    events_ += fmt::format(
        "{}({}) ", event.outage == StoreUnreachable::Outage::begins ? "unreachable" : "still", event.reason);
  }

  Claim claim_;
  std::string events_;
};

}  // namespace flanneld_test
