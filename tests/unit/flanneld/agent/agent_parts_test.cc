// The parts of the agent that need neither kernel nor store: what it keeps, decides and shows.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "common/json/json.h"
#include "flanneld/agent/status.h"
#include "flanneld/commands/status.h"
#include "flanneld/node/subnet_file.h"
#include "flanneld/peers/peer_set.h"
#include "flanneld/store/saved_leases.h"
#include "tests/unit/flanneld/test_support.h"

using flanneld::Lease;
using flanneld::LeaseEvent;
using flanneld::LeaseKey;
using flanneld::PeerSet;
using flanneld::SavedState;
using namespace flanneld_test;

namespace {

/// A directory that goes with the test.
struct TemporaryDirectory {
  TemporaryDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "flanneld-test.XXXXXX";
    path = ::mkdtemp(pattern.data());
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

/// Plans one route per IPv4 subnet, for peers of type vxlan only, and an FDB entry if the data are a MAC.
class RouteBackend final : public flanneld::Backend {
 public:
  [[nodiscard]] flanneld::LeaseAttributes attributes() const override { return {}; }
  [[nodiscard]] uint32_t mtu() const override { return 1450; }
  [[nodiscard]] flanneld::NodePlan node_plan(const flanneld::LeaseKey*) const override { return {}; }
  [[nodiscard]] flanneld::PeerPlan peer_plan(const Lease& peer) const override {
    if (peer.attributes.backend_type != "vxlan") throw base::ParseError("another backend");
    flanneld::PeerPlan plan;
    plan.routes.push_back({*peer.key.subnet, peer.attributes.public_ip, "flannel.1", true});
    if (const auto mac = base::MacAddress::parse(peer.attributes.backend_data))
      plan.fdb.push_back({"flannel.1", *mac, peer.attributes.public_ip});
    return plan;
  }
};

const auto kConfig = flanneld::NetworkConfig::parse(R"({"Network": "10.5.0.0/16"})");

flanneld::AgentStatus sample_status() {
  flanneld::AgentStatus status;
  status.store = "etcd at http://192.168.1.10:2379";
  status.backend = "vxlan";
  status.mtu = 1450;
  status.own = lease("10.5.1.0-24", "192.168.1.1");
  const Lease peer = lease("10.5.2.0-24", "192.168.1.2", R"({"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"})");
  status.peers.emplace(peer.key, peer);
  status.rules = flanneld::TrafficStatus{};
  status.rules->engine = "nftables";
  return status;
}

constexpr std::chrono::sys_seconds kNow{std::chrono::hours{1}};

}  // namespace

TEST_CASE("peer set: plans what is usable and says why the rest is not") {
  const RouteBackend backend;
  PeerSet peers;
  const Lease own = lease("10.5.1.0-24", "192.168.1.1");
  Lease strange = lease("10.5.3.0-24", "192.168.1.3");
  strange.attributes.backend_type = "host-gw";
  auto change =
      peers.reset({own, lease("10.5.2.0-24", "192.168.1.2"), strange, lease("10.9.2.0-24", "192.168.1.9")});
  CHECK(change.upserted.empty());  // nothing can be planned yet

  peers.use(&kConfig, &backend, &own);
  CHECK(peers.plans().size() == 1);
  CHECK(peers.rejected().size() == 2);
  CHECK(peers.rejected().at(key("10.5.3.0-24")) == "another backend");

  strange.attributes.backend_type = "vxlan";
  change = peers.apply({{LeaseEvent::Kind::put, strange}});
  CHECK(change.upserted.size() == 1);
  CHECK(change.changed.size() == 1);
  CHECK(peers.rejected().size() == 1);

  strange.attributes.backend_type = "ipip";  // was planned, and is unusable now
  change = peers.apply({{LeaseEvent::Kind::put, strange}});
  CHECK(change.removed == std::vector{strange.key});
  CHECK(change.rejected.size() == 1);
  CHECK(change.left.empty());

  change = peers.reset({own});
  CHECK(change.left.size() == 3);
  CHECK(change.removed == std::vector{key("10.5.2.0-24")});
  CHECK(peers.plans().empty());
  CHECK(peers.rejected().empty());
}

TEST_CASE("peer set: of two nodes that want the same, the one that was there first has it until it goes") {
  const RouteBackend backend;
  PeerSet peers;
  const Lease own = lease("10.5.1.0-24", "192.168.1.1");
  peers.use(&kConfig, &backend, &own);
  const Lease first = lease("10.5.2.0-24", "192.168.1.2"), other = lease("10.5.4.0-24", "192.168.1.4");
  peers.apply({{LeaseEvent::Kind::put, first}, {LeaseEvent::Kind::put, other}});

  for (const char* name :
       {"10.5.0.0-17", "10.5.2.0-23", "10.5.2.128-25", "10.5.2.0-25", "10.5.2.0-24&fd00::-64"}) {
    CAPTURE(name);
    const Lease late = lease(name, "192.168.1.3");
    auto change = peers.apply({{LeaseEvent::Kind::put, late}});
    CHECK(change.upserted.empty());
    REQUIRE(change.rejected.size() == 1);
    CHECK(contains(change.rejected.front().second, "overlaps "));
    CHECK(peers.plans().size() == 2);
    change = peers.apply({{LeaseEvent::Kind::put, first}});  // nothing new, and nothing is told again
    CHECK(change.rejected.empty());
    change = peers.apply({{LeaseEvent::Kind::removed, late}});
    CHECK(change.removed.empty());
    CHECK(peers.rejected().empty());
  }

  const Lease late = lease("10.5.2.0-25", "192.168.1.3");
  peers.apply({{LeaseEvent::Kind::put, late}});
  Lease changed = first;
  changed.attributes.public_ip = ip("192.168.1.22");
  auto change = peers.apply({{LeaseEvent::Kind::put, changed}});  // it stays the one that was there
  CHECK(change.upserted.contains(first.key));
  CHECK(peers.rejected().contains(late.key));
  peers.use(&kConfig, &backend, &own);
  CHECK(peers.rejected().contains(late.key));
  change = peers.apply({{LeaseEvent::Kind::removed, first}});
  CHECK(change.removed == std::vector{first.key});
  CHECK(change.upserted.contains(late.key));
  CHECK(peers.rejected().empty());
}

TEST_CASE(
    "peer set: in one list the smaller subnet counts, then the lower key; it is the same for every order") {
  const RouteBackend backend;
  const Lease own = lease("10.5.1.0-24", "192.168.1.1");
  std::vector<Lease> leases{lease("10.5.0.0-17", "192.168.1.9"), lease("10.5.2.0-24", "192.168.1.2"),
                            lease("10.5.2.0-24&fd00::-64", "192.168.1.3"),
                            lease("10.5.3.0-24", "192.168.1.4")};
  for (int rotation = 0; rotation < 4; ++rotation) {
    PeerSet peers;
    peers.use(&kConfig, &backend, &own);
    peers.reset(leases);
    CHECK(peers.rejected().size() == 2);
    CHECK(peers.plans().contains(key("10.5.2.0-24")));
    CHECK(peers.plans().contains(key("10.5.3.0-24")));
    std::rotate(leases.begin(), leases.begin() + 1, leases.end());
  }
}

TEST_CASE("peer set: one node may have two leases, also one that moved to another address with its MAC") {
  const RouteBackend backend;
  PeerSet peers;
  const Lease own = lease("10.5.1.0-24", "192.168.1.1");
  peers.use(&kConfig, &backend, &own);
  const std::string mac = "c6:d2:32:6f:8f:44";
  peers.reset({lease("10.5.2.0-24", "192.168.1.2", mac), lease("10.5.3.0-24", "192.168.1.2", mac),
               lease("10.5.2.0-24&fd00::-64", "192.168.1.2", mac)});
  CHECK(peers.plans().size() == 3);
  const auto change = peers.apply({{LeaseEvent::Kind::put, lease("10.5.4.0-24", "192.168.1.4", mac)}});
  CHECK(change.rejected.empty());
  CHECK(change.upserted.contains(key("10.5.4.0-24")));
}

TEST_CASE(
    "peer set: after a wipe, a node that has claimed another subnet loses its old one, also without IPv4") {
  const RouteBackend backend;
  PeerSet peers;
  const Lease own = lease("10.5.1.0-24", "192.168.1.1");
  peers.use(&kConfig, &backend, &own);
  Lease six = lease("10.5.2.0-24", "0.0.0.0"), silent = lease("10.5.4.0-24", "0.0.0.0");
  six.attributes.public_ipv6 = ip("2001:db8::2");
  silent.attributes.public_ipv6 = ip("2001:db8::4");
  peers.reset({six, silent, lease("10.5.5.0-24", "192.168.1.5")});
  const LeaseKey old_key = six.key;
  six.key = key("10.5.3.0-24");
  peers.merge({six, lease("10.5.6.0-24", "192.168.1.5")});
  CHECK_FALSE(peers.leases().contains(old_key));
  CHECK_FALSE(peers.leases().contains(key("10.5.5.0-24")));
  CHECK(peers.leases().contains(silent.key));
  CHECK(peers.leases().size() == 3);
}

TEST_CASE("saved state: what is saved comes back, and rubbish does not") {
  const TemporaryDirectory directory;
  const std::string file = directory.path + "/below/leases.json";
  CHECK_FALSE(flanneld::load_state(file));
  SavedState state{"etcd /coreos.com/network",
                   R"({"Network": "10.5.0.0/16"})",
                   lease("10.5.1.0-24", "192.168.1.1"),
                   {lease("10.5.2.0-24&fd00:5:2::-64", "192.168.1.2", R"({"VNI":1})")}};
  flanneld::save_state(file, state);
  const auto loaded = flanneld::load_state(file);
  REQUIRE(loaded);
  CHECK(loaded->store == state.store);
  CHECK(loaded->network_config == state.network_config);
  CHECK(loaded->own.key == state.own.key);
  REQUIRE(loaded->peers.size() == 1);
  CHECK(loaded->peers[0].attributes == state.peers[0].attributes);
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::others_all) ==
        std::filesystem::perms::none);

  for (const char* bad : {"", "{", "[]", R"({"own": 1})", R"({"own": {"key": "../x", "value": "{}"}})"})
    CHECK_FALSE(parse_failure([&] { SavedState::parse(bad); }).empty());
}

TEST_CASE("subnet file: written whole, once, and read back as the subnet") {
  const TemporaryDirectory directory;
  const std::string file = directory.path + "/run/subnet.env";
  CHECK_FALSE(flanneld::read_previous_lease(file));
  const auto env = flanneld::make_subnet_env(kConfig, key("10.5.72.0-24"), 1450, true);
  CHECK(flanneld::write_subnet_file(file, env));
  CHECK(*base::read_file(file, 4096) ==
        "FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.72.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n");
  CHECK_FALSE(flanneld::write_subnet_file(file, env));
  CHECK(flanneld::read_previous_lease(file) == key("10.5.72.0-24"));
  base::write_file_atomic(file, "FLANNEL_SUBNET=nonsense\n", 0644);
  CHECK_FALSE(parse_failure([&] { flanneld::read_previous_lease(file); }).empty());
}

TEST_CASE("status: JSON, table and metrics tell the same") {
  flanneld::AgentStatus status = sample_status();
  json::Value json = json::Value::parse(status_json(status, kNow).dump());
  CHECK(json["ready"] == true);
  CHECK(json["lease"]["subnet"] == "10.5.1.0/24");
  CHECK(json["lease"]["expiresInSeconds"] == 23 * 3600);
  CHECK(json["peers"][0]["backendData"]["VtepMAC"] == "c6:d2:32:6f:8f:44");
  std::string table = flanneld::status_table(json);
  CHECK(contains(table, "10.5.1.0/24, expires in 23 h 0 min"));
  CHECK(contains(table, "c6:d2:32:6f:8f:44  reached"));

  status.not_ready = "waiting for a lease";
  status.rejected.emplace(key("10.5.2.0-24"), "no VNI");
  json = json::Value::parse(status_json(status, kNow).dump());
  table = flanneld::status_table(json);
  CHECK(contains(table, "NOT READY"));
  CHECK(contains(table, "! waiting for a lease"));
  CHECK(contains(table, "not used: no VNI"));

  const std::string metrics = metrics_text(status, kNow);
  CHECK(contains(metrics, "\nflanneld_ready 0\n"));
  CHECK(contains(metrics, "\nflanneld_peers 1\n"));
  CHECK(contains(metrics, "\nflanneld_peers_rejected 1\n"));
  CHECK(contains(metrics, "\nflanneld_lease_expires_seconds 82800\n"));
}

TEST_CASE("status: the metric counts every kernel failure, the JSON names the first ones") {
  flanneld::AgentStatus status = sample_status();
  for (int i = 0; i < 2000; ++i) status.kernel.failures.add("add route: No such device");
  CHECK(contains(metrics_text(status, kNow), "\nflanneld_kernel_failures 2000\n"));
  const json::Value json = json::Value::parse(status_json(status, kNow).dump());
  CHECK(json["kernel"]["failures"].size() == 50);
  CHECK(json["kernel"]["failures"].back() == "and 1951 more");
}
