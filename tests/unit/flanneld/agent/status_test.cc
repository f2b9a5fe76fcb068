#include "flanneld/agent/status.h"

#include <doctest/doctest.h>

#include <string>

#include "common/json/json.h"
#include "flanneld/agent/metrics.h"
#include "flanneld/commands/status_table.h"
#include "tests/unit/flanneld/test_support.h"

using flanneld::Lease;
using namespace flanneld_test;

namespace {

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

constexpr std::chrono::sys_seconds kStatusTime{std::chrono::hours{1}};

}  // namespace

TEST_CASE("status: JSON, table and metrics tell the same") {
  flanneld::AgentStatus status = sample_status();
  json::Value json = json::Value::parse(status_json(status, kStatusTime).dump());
  CHECK(json["ready"] == true);
  CHECK(json["lease"]["subnet"] == "10.5.1.0/24");
  CHECK(json["lease"]["expiresInSeconds"] == 23 * 3600);
  CHECK(json["peers"][0]["backendData"]["VtepMAC"] == "c6:d2:32:6f:8f:44");
  std::string table = flanneld::status_table(json);
  CHECK(contains(table, "10.5.1.0/24, expires in 23 h 0 min"));
  CHECK(contains(table, "c6:d2:32:6f:8f:44  reached"));

  status.not_ready = "waiting for a lease";
  status.rejected.emplace(key("10.5.2.0-24"), "no VNI");
  json = json::Value::parse(status_json(status, kStatusTime).dump());
  table = flanneld::status_table(json);
  CHECK(contains(table, "NOT READY"));
  CHECK(contains(table, "! waiting for a lease"));
  CHECK(contains(table, "not used: no VNI"));

  const std::string metrics =
      metrics_text(status, flannel::PodAddresses{.subnet = {}, .held = 252, .usable = 253}, kStatusTime);
  CHECK(contains(metrics, "\nflanneld_ready 0\n"));
  CHECK(contains(metrics, "\nflanneld_peers 1\n"));
  CHECK(contains(metrics, "\nflanneld_peers_rejected 1\n"));
  CHECK(contains(metrics, "\nflanneld_pod_addresses 253\n"));
  CHECK(contains(metrics, "\nflanneld_pod_addresses_held 252\n"));
  CHECK(!contains(metrics_text(status, std::nullopt, kStatusTime), "pod_addresses"));
  CHECK(contains(metrics, "\nflanneld_lease_expires_seconds 82800\n"));
}

TEST_CASE("status: the metric counts every kernel failure, the JSON names the first ones") {
  flanneld::AgentStatus status = sample_status();
  for (int i = 0; i < 2000; ++i) status.kernel.failures.add("add route: No such device");
  CHECK(contains(metrics_text(status, std::nullopt, kStatusTime), "\nflanneld_kernel_failures 2000\n"));
  const json::Value json = json::Value::parse(status_json(status, kStatusTime).dump());
  CHECK(json["kernel"]["failures"].size() == 50);
  CHECK(json["kernel"]["failures"].back() == "and 1951 more");
}
