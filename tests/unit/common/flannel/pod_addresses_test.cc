#include "common/flannel/pod_addresses.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace {

struct Leases {
  test::TempDir dir{"/tmp/pod-addresses-XXXXXX"};

  void add(const std::string& network, const std::string& name) const {
    const auto path = std::filesystem::path(dir.path()) / network;
    std::filesystem::create_directories(path);
    std::ofstream(path / name) << "c1\r\neth0";
  }
  [[nodiscard]] std::string count(const std::vector<std::string>& subnets) const {
    std::vector<base::IpNet> nets;
    for (const std::string& subnet : subnets) nets.push_back(base::IpNet::parse(subnet).value());
    const auto counted = flannel::count_pod_addresses(nets, dir.path());
    if (!counted) return "unknown";
    return fmt::format("{} of {} in {}", counted->held, counted->usable, counted->subnet);
  }
};

}  // namespace

TEST_CASE("the leases of all networks within the node's smaller subnet are counted") {
  const Leases leases;
  CHECK(leases.count({"10.244.1.1/24"}) == "0 of 253 in 10.244.1.0/24");
  leases.add("cbr0", "10.244.1.2");
  leases.add("cbr0", "10.244.1.3");
  leases.add("cbr0", "10.244.2.2");  // of an earlier subnet
  leases.add("cbr0", "fd00::2");
  leases.add("cbr0", "last_reserved_ip.0");
  leases.add("cbr0", "lock");
  leases.add("other", "10.244.1.9");
  CHECK(leases.count({"10.244.1.1/24"}) == "3 of 253 in 10.244.1.0/24");
  CHECK(leases.count({"fd00::1/64", "10.244.1.1/24"}) == "3 of 253 in 10.244.1.0/24");
  CHECK(leases.count({"fd00::1/120"}) == "1 of 254 in fd00::/120");
  CHECK(leases.count({"10.244.1.3/31"}) == "2 of 1 in 10.244.1.2/31");
}

TEST_CASE("without a subnet, or a place of leases, nothing is counted") {
  const Leases leases;
  CHECK(leases.count({}) == "unknown");
  CHECK_FALSE(flannel::count_pod_addresses({base::IpNet{}}, "/nowhere"));
}
