#include "cni-flannel/tuning/conf.h"

#include <doctest/doctest.h>

#include "cni-flannel/tuning/former.h"
#include "common/base/error.h"
#include "common/cni/error.h"
#include "tests/unit/cni-flannel/test_support.h"

using flannel::tuning::check_allowed;
using flannel::tuning::parse_conf;
using flannel::tuning::setting_name;
using flannel_test::request_for;

TEST_CASE("tuning: CNI_ARGS, runtimeConfig and args.cni each override what is before them") {
  auto request =
      request_for(R"({"mac": "02:00:00:00:00:01", "mtu": 1400, "sysctl": {"net.core.somaxconn": "1"}})");
  CHECK(parse_conf(request).mac->str() == "02:00:00:00:00:01");
  request.args = "IgnoreUnknown=1;K8S_POD_NAME=web;MAC=02:00:00:00:00:02";
  CHECK(parse_conf(request).mac->str() == "02:00:00:00:00:02");
  request.config["runtimeConfig"]["mac"] = "02:00:00:00:00:03";
  CHECK(parse_conf(request).mac->str() == "02:00:00:00:00:03");
  request.config["args"]["cni"] = {{"mac", "02:00:00:00:00:04"}, {"mtu", 1300}, {"txQLen", 0}};
  const auto conf = parse_conf(request);
  CHECK(conf.mac->str() == "02:00:00:00:00:04");
  CHECK(conf.mtu == 1300);
  CHECK(conf.link.queue_length == 0U);
  CHECK_FALSE(conf.link.all_multicast);
  CHECK(conf.sysctls.at("net.core.somaxconn") == "1");
  CHECK(conf.data_dir == "/run/cni/tuning");
}

TEST_CASE("tuning: an empty configuration changes nothing, and a wrong one is refused") {
  CHECK_FALSE(parse_conf(request_for("{}")).changes_link());
  CHECK_FALSE(parse_conf(request_for(R"({"promisc": false, "mtu": 0})")).changes_link());
  CHECK(parse_conf(request_for(R"({"allmulti": false})")).changes_link());
  for (const char* bad :
       {R"({"mac": "01:00:00:00:00:01"})", R"({"mac": "no mac"})", R"({"mtu": 70000})", R"({"mtu": -1})",
        R"({"txQLen": 4294967296})", R"({"promisc": "true"})", R"({"sysctl": {"net.core.somaxconn": 1}})",
        R"({"sysctl": {"kernel.pid_max": "1"}})", R"({"sysctl": "all"})"})
    CHECK_THROWS_MESSAGE(parse_conf(request_for(bad)), bad);
}

TEST_CASE("tuning: a key is a setting below net/, whatever it has between its parts") {
  CHECK(setting_name("net.ipv4.conf.IFNAME.arp_filter", "eth0.100") == "net/ipv4/conf/eth0.100/arp_filter");
  CHECK(setting_name("net/core/somaxconn", "eth0") == "net/core/somaxconn");
  CHECK(setting_name("/net/core/somaxconn", "eth0") == "net/core/somaxconn");
  CHECK(setting_name("net/../kernel/pid_max", "eth0").find("..") == std::string::npos);
  for (const char* bad : {"kernel.pid_max", "", "net", "netx.core", "../kernel/pid_max"})
    CHECK_THROWS_AS(setting_name(bad, "eth0"), cni::Error);
}

TEST_CASE("tuning: only settings that a line of the list matches are allowed") {
  const auto conf = parse_conf(request_for(R"({"sysctl": {"net.core.somaxconn": "1"}})"));
  CHECK_NOTHROW(check_allowed(conf, "^net\\.ipv4\\.\n^net\\.core\\.somax[a-z]+$\n"));
  CHECK_NOTHROW(check_allowed(conf, "somaxconn"));
  CHECK_THROWS_AS(check_allowed(conf, "^net\\.ipv4\\.\n\n"), cni::Error);
  CHECK_THROWS_AS(check_allowed(conf, ""), cni::Error);
  CHECK_THROWS_AS(check_allowed(conf, "("), cni::Error);
}

TEST_CASE("tuning: a file of former values is about one of the containers that its name may begin with") {
  using Names = std::vector<std::string>;
  CHECK(flannel::tuning::containers_of("c1_eth0.json") == Names{"c1"});
  CHECK(flannel::tuning::containers_of("c_1_eth_0.json") == Names{"c", "c_1", "c_1_eth"});
  for (const char* other : {"c1_eth0", "c1.json", "_eth0.json", ".tmp.1_eth0.json", ".json", ""})
    CHECK_MESSAGE(flannel::tuning::containers_of(other).empty(), other);
}
