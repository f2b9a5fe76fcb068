// The order of the agent's start: a real kernel in a namespace of its own, and a store that the test speaks
// for.
#include "flanneld/agent/agent.h"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/file.h"
#include "common/base/file_lock.h"
#include "flanneld/store/factory.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/flanneld/kernel/host.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;
using std::chrono::milliseconds;

namespace {

const std::string kConfig = R"({"Network": "10.5.0.0/16", "Backend": {"Type": "host-gw"}})";

class FakeStore final : public LeaseStore {
 public:
  explicit FakeStore(std::vector<Claim>& claims) : claims_(claims) {}
  void start(StoreListener listener) override { send = std::move(listener); }
  void claim(const Claim& claim) override { claims_.push_back(claim); }
  [[nodiscard]] std::string describe() const override { return "store of the test"; }
  StoreListener send;

 private:
  std::vector<Claim>& claims_;
};

Lease host_gw_lease(const std::string& name, const std::string& public_ip) {
  Lease result = lease(name, public_ip);
  result.attributes.backend_type = "host-gw";
  return result;
}

/// A node with an agent that has not been started.
struct Node : Host {
  Node() {
    options.iface = {"eth0"};
    options.subnet_file = directory.path() + "/subnet.env";
    options.state_file = directory.path() + "/leases.json";
    options.lease_dir = "/of the test";
    options.iptables_forward_rules = true;
    options.iptables_resync = std::chrono::seconds(5);
  }
  void start(milliseconds grace = milliseconds(60'000)) {
    auto made = std::make_unique<FakeStore>(claims);
    store = made.get();
    agent.emplace(
        loop, options, std::move(made), [this] { return is_confined = true; }, grace);
    agent->start();
  }
  void save(const std::string& config, const Lease& own, const std::vector<Lease>& peers) const {
    save_state(options.state_file, {store_identity(options), "1", config, "", own, peers});
  }
  void claimed(const Lease& own) const { store->send(LeaseClaimed{own, SubnetOrigin::fresh, {}}); }
  [[nodiscard]] std::string subnet_env() const {
    return base::read_file(options.subnet_file, 4096).value_or("");
  }
  [[nodiscard]] std::string not_ready() const { return agent->health().not_ready.value_or(""); }

  test::TempDir directory{"/tmp/flanneld-agent.XXXXXX"};
  Options options;
  std::vector<Claim> claims;
  FakeStore* store = nullptr;
  bool is_confined = false;
  std::optional<Agent> agent;
};

const Lease kOwnLease = host_gw_lease("10.5.1.0-24", "192.0.2.10"),
            kPeer = host_gw_lease("10.5.2.0-24", "192.0.2.20");

}  // namespace

TEST_CASE_FIXTURE(
    Node, "agent: claims once it has the configuration, writes no subnet.env before it has the lease") {
  if (!made()) return;
  start();
  CHECK(contains(not_ready(), "waiting for the network configuration"));
  CHECK(claims.empty());
  store->send(ConfigRead{kConfig});
  REQUIRE(claims.size() == 1);
  CHECK(claims[0].attributes.public_ip == ip("192.0.2.10"));
  CHECK(contains(not_ready(), "waiting for a lease from the store of the test"));
  store->send(LeasesListed{{kPeer}});
  run_for(milliseconds(50));
  CHECK(subnet_env().empty());
  CHECK(routes().empty());
  claimed(kOwnLease);
  CHECK(contains(subnet_env(), "FLANNEL_SUBNET=10.5.1.1/24\n"));
  CHECK(routes() == std::vector{net("10.5.2.0/24")});
}

TEST_CASE_FIXTURE(
    Node,
    "agent: is ready once the packet filter's rules are there, also if the kernel refuses a peer's route") {
  if (!made()) return;
  start();
  store->send(ConfigRead{kConfig});
  const Lease unreachable = host_gw_lease("10.5.3.0-24", "198.51.100.1");  // no gateway on this link
  store->send(LeasesListed{{kPeer, unreachable}});
  claimed(kOwnLease);
  run_until([&] { return is_confined; });
  CHECK(not_ready().empty());
  const std::string problem =
      "1 of the objects that peers need could not be made, the first: add route 10.5.3.0/24";
  const auto told = [&] { return agent->status().problems.elsewhere; };
  REQUIRE(told().size() == 1);
  CHECK(contains(told().front(), problem));
  store->send(LeasesChanged{{{LeaseEvent::Kind::removed, unreachable}}});
  run_until([&] { return told().empty(); });
  CHECK(agent->status().rules.has_value());
  CHECK_FALSE(agent->status().rules->failure);
}

TEST_CASE_FIXTURE(Node, "agent: goes on with the saved leases when the store is silent for the grace time") {
  if (!made()) return;
  save(kConfig, kOwnLease, {kPeer});
  start(milliseconds(20));
  run_until([&] { return !subnet_env().empty(); });
  CHECK(contains(subnet_env(), "FLANNEL_SUBNET=10.5.1.1/24\n"));
  CHECK(routes() == std::vector{net("10.5.2.0/24")});
  CHECK(claims.size() == 1);  // it goes on with the better one
}

TEST_CASE_FIXTURE(Node, "agent: leaves the saved leases alone when the store answers in time") {
  if (!made()) return;
  save(kConfig, host_gw_lease("10.5.77.0-24", "192.0.2.10"), {});
  start(milliseconds(20));
  store->send(ConfigRead{kConfig});
  store->send(LeasesListed{{kPeer}});
  claimed(kOwnLease);
  run_for(milliseconds(60));
  CHECK(agent->status().own->key == kOwnLease.key);
  CHECK(contains(subnet_env(), "FLANNEL_SUBNET=10.5.1.1/24\n"));
}

TEST_CASE_FIXTURE(Node, "agent: saved leases do not hide a configuration of the store that cannot be used") {
  if (!made()) return;
  save(kConfig, kOwnLease, {kPeer});
  start(milliseconds(20));
  SUBCASE("it says too little") { store->send(ConfigRead{"{}"}); }
  SUBCASE("its backend is none") {
    store->send(ConfigRead{R"({"Network": "10.5.0.0/16", "Backend": {"Type": "wormhole"}})"});
  }
  run_for(milliseconds(60));
  CHECK(contains(not_ready(), "a network configuration that can be used"));
  CHECK(subnet_env().empty());
  store->send(ConfigRead{kConfig});
  CHECK(claims.size() == 1);  // it goes on with the better one
}

TEST_CASE_FIXTURE(Node, "agent: never uses leases that were saved of other servers or of another prefix") {
  if (!made()) return;
  options.lease_dir.clear();
  options.etcd_prefix = "/network/";
  options.etcd_endpoints = {"http://192.0.2.1:2379", "http://user:secret@192.0.2.2:2379"};
  save(kConfig, kOwnLease, {kPeer});
  const Options saved = options;
  SUBCASE("other servers") { options.etcd_endpoints = {"http://198.51.100.1:2379"}; }
  SUBCASE("one server more") { options.etcd_endpoints.push_back("http://198.51.100.1:2379"); }
  SUBCASE("another prefix") { options.etcd_prefix = "/network/of-others"; }
  SUBCASE("a directory") { options.lease_dir = "/of the test"; }
  CHECK(store_identity(options) != store_identity(saved));
  start(milliseconds(20));
  run_for(milliseconds(60));
  CHECK(subnet_env().empty());
  CHECK(routes().empty());
}

TEST_CASE("agent: a store stays the same with its servers in another order, and with another password") {
  Options one, other;
  one.etcd_prefix = "/network/";
  one.etcd_endpoints = {"http://192.0.2.1:2379", "http://user:secret@192.0.2.2:2379"};
  other.etcd_prefix = "/network";
  other.etcd_endpoints = {"http://192.0.2.2:2379", "http://192.0.2.1:2379"};
  CHECK(store_identity(one) == store_identity(other));
  CHECK_FALSE(contains(store_identity(one), "secret"));
}

TEST_CASE_FIXTURE(Node, "agent: drops the saved leases when the same servers are another cluster's now") {
  if (!made()) return;
  const Lease other = host_gw_lease("10.5.3.0-24", "192.0.2.30");
  save(kConfig, kOwnLease, {kPeer});  // of cluster 1
  bool in_use = false;
  SUBCASE("not used yet") {}
  SUBCASE("in use") { in_use = true; }
  start(in_use ? milliseconds(20) : milliseconds(60'000));
  if (in_use) run_until([&] { return !routes().empty(); });
  store->send(ConfigRead{kConfig});
  store->send(LeasesListed{{other}, LeasesListed::Extent::after_wipe, "2"});
  claimed(kOwnLease);
  run_until([&] { return routes() == std::vector{net("10.5.3.0/24")}; });
  CHECK(routes() == std::vector{net("10.5.3.0/24")});
}

TEST_CASE_FIXTURE(Node, "agent: begins again when the store has another configuration than was saved") {
  if (!made()) return;
  save(kConfig, kOwnLease, {});
  start(milliseconds(20));
  run_until([&] { return !subnet_env().empty(); });
  store->send(ConfigRead{R"({"Network": "10.9.0.0/16", "Backend": {"Type": "host-gw"}})"});
  CHECK(contains(not_ready(), "waiting for a lease"));
  CHECK(claims.back().config.ipv4->network == net("10.9.0.0/16"));
  CHECK(claims.back().previous == kOwnLease.key);
  store->send(LeasesChanged{{{LeaseEvent::Kind::put, host_gw_lease("10.9.2.0-24", "192.0.2.20")}}});
  claimed(host_gw_lease("10.9.1.0-24", "192.0.2.10"));
  CHECK(contains(subnet_env(), "FLANNEL_SUBNET=10.9.1.1/24\n"));
  CHECK(routes() == std::vector{net("10.9.2.0/24")});
}

TEST_CASE_FIXTURE(Node, "agent: writes the new subnet when another node has taken its own") {
  if (!made()) return;
  start();
  store->send(ConfigRead{kConfig});
  claimed(kOwnLease);
  store->send(
      LeaseClaimed{host_gw_lease("10.5.9.0-24", "192.0.2.10"), SubnetOrigin::fresh, {"10.5.1.0/24: taken"}});
  CHECK(contains(subnet_env(), "FLANNEL_SUBNET=10.5.9.1/24\n"));
  CHECK(agent->status().counters.claims == 2);
}

TEST_CASE_FIXTURE(Node, "agent: peers of a list and of a single change go the same way to the kernel") {
  if (!made()) return;
  start();
  store->send(ConfigRead{kConfig});
  claimed(kOwnLease);
  store->send(LeasesListed{{kOwnLease, kPeer}});
  run_until([&] { return routes().size() == 1; });
  const auto writes = agent->status().kernel.writes;
  store->send(LeasesListed{{kOwnLease, kPeer}});
  run_for(milliseconds(50));
  CHECK(agent->status().kernel.writes == writes);
  store->send(LeasesChanged{{{LeaseEvent::Kind::removed, kPeer}}});
  run_until([&] { return routes().empty(); });
  CHECK(routes().empty());
}

TEST_CASE_FIXTURE(Node, "agent: says what is wrong with a configuration, and takes a better one") {
  if (!made()) return;
  start();
  store->send(ConfigRead{R"({"Network": "10.5.0.0/16", "Backend": {"Type": "wormhole"}})"});
  CHECK(contains(not_ready(), "a network configuration that can be used"));
  CHECK(contains(not_ready(), "'wormhole'"));
  CHECK(claims.empty());
}

TEST_CASE_FIXTURE(Node, "agent: works without saved leases where another agent has the state file") {
  if (!made()) return;
  save(kConfig, kOwnLease, {kPeer});
  const std::string saved = base::read_file(options.state_file, 4096).value();
  const auto other = base::FileLock::try_acquire(options.state_file + ".lock", 0600);
  REQUIRE(other);
  start(milliseconds(20));
  run_for(milliseconds(60));
  CHECK(subnet_env().empty());
  store->send(ConfigRead{kConfig});
  claimed(host_gw_lease("10.5.7.0-24", "192.0.2.10"));
  run_for(milliseconds(2100));  // until it would have saved
  CHECK(contains(subnet_env(), "FLANNEL_SUBNET=10.5.7.1/24\n"));
  CHECK(base::read_file(options.state_file, 4096).value() == saved);
  REQUIRE(agent->health().problems.own.size() == 1);
  CHECK(contains(agent->health().problems.own[0], "is in use by another agent"));
}

TEST_CASE_FIXTURE(Node, "agent: starts where its status address is taken, and says so") {
  if (!made()) return;
  options.status_listen = ListenAddress{ip("127.0.0.1"), 7000};
  EventLoop of_other;
  std::optional<StatusServer> other;
  other.emplace(of_other, *options.status_listen, [](const std::string&) { return HttpAnswer{}; });
  start();
  store->send(ConfigRead{kConfig});
  claimed(kOwnLease);
  CHECK(contains(subnet_env(), "FLANNEL_SUBNET=10.5.1.1/24\n"));
  REQUIRE(agent->health().problems.own.size() == 1);
  CHECK(contains(agent->health().problems.own[0], "listen on 127.0.0.1:7000: Address already in use"));
}
