#include "flanneld/commands/cluster_status.h"

#include <doctest/doctest.h>

#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;
using namespace std::chrono_literals;

namespace {

NetworkConfig config() {
  return NetworkConfig::parse(R"({"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}})");
}

Lease node_lease(const std::string& subnet, const std::string& address, const std::string& mac) {
  Lease one;
  one.key.subnet = net(subnet);
  one.attributes.public_ip = ip(address);
  one.attributes.backend_type = "vxlan";
  one.attributes.backend_data = fmt::format(R"({{"VNI":1,"VtepMAC":"{}"}})", mac);
  return one;
}

}  // namespace

TEST_CASE("status --cluster: leases that agree have nothing against each other") {
  CHECK(find_cluster_problems({node_lease("10.5.1.0/24", "192.0.2.1", "02:00:00:00:00:01"),
                               node_lease("10.5.2.0/24", "192.0.2.2", "02:00:00:00:00:02")},
                              config())
            .empty());
}

TEST_CASE("status --cluster: shared addresses and MACs, other backends and foreign subnets are named") {
  Lease other = node_lease("10.5.3.0/24", "192.0.2.3", "02:00:00:00:00:03");
  other.attributes.backend_type = "host-gw";
  const auto problems =
      find_cluster_problems({node_lease("10.5.1.0/24", "192.0.2.1", "02:00:00:00:00:01"),
                             node_lease("10.5.2.0/24", "192.0.2.1", "02:00:00:00:00:01"), other,
                             node_lease("10.9.1.0/24", "192.0.2.9", "02:00:00:00:00:09")},
                            config());
  REQUIRE(problems.size() == 4);
  CHECK(contains(problems[0], "10.5.3.0/24 has the backend 'host-gw', the configuration says 'vxlan'"));
  CHECK(contains(problems[1], "10.9.1.0/24: "));
  CHECK(contains(problems[2], "10.5.1.0/24, 10.5.2.0/24 publish the same address 192.0.2.1"));
  CHECK(contains(problems[3], "publish the same MAC 02:00:00:00:00:01: were the machines cloned?"));
}

TEST_CASE("status --cluster: the leases are shown by subnet with what is left of them") {
  const std::chrono::sys_seconds now(1000s);
  Lease later = node_lease("10.5.9.0/24", "192.0.2.9", "02:00:00:00:00:09");
  later.expiry = now + 90s;
  const std::string table =
      lease_table({later, node_lease("10.5.1.0/24", "192.0.2.1", "02:00:00:00:00:01")}, now);
  CHECK(table ==
        "SUBNET       PUBLIC IP  BACKEND  VTEP MAC           ENDS\n"
        "10.5.1.0/24  192.0.2.1  vxlan    02:00:00:00:00:01  a reservation\n"
        "10.5.9.0/24  192.0.2.9  vxlan    02:00:00:00:00:09  1 min\n");
}
