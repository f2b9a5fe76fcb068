// The parts of the agent that need neither kernel nor store: what it keeps, decides and shows.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "common/base/file.h"
#include "common/json/json.h"
#include "flanneld/agent/metrics.h"
#include "flanneld/agent/status.h"
#include "flanneld/commands/status.h"
#include "flanneld/node/subnet_file.h"
#include "flanneld/store/saved_leases.h"
#include "tests/unit/flanneld/test_support.h"

using flanneld::Lease;
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
