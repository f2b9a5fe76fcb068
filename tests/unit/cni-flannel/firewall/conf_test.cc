#include "cni-flannel/firewall/conf.h"

#include <doctest/doctest.h>

#include "common/cni/error.h"
#include "tests/unit/cni-flannel/test_support.h"

using flannel::firewall::addresses_of;
using flannel::firewall::Backend;
using flannel::firewall::bridge_of;
using flannel::firewall::IngressPolicy;
using flannel::firewall::parse_conf;
using flannel_test::request_for;

TEST_CASE("firewall: the keys of the reference, and its defaults") {
  const auto empty = parse_conf(request_for("{}"));
  CHECK(empty.backend == Backend::automatic);
  CHECK(empty.policy == IngressPolicy::open);
  CHECK(empty.admin_chain == "CNI-ADMIN");
  CHECK(empty.zone == "trusted");
  CHECK(parse_conf(request_for(R"({"firewalldZone": "pods"})")).zone == "pods");
  const auto full = parse_conf(request_for(
      R"({"backend": "iptables", "ingressPolicy": "isolated", "IptablesAdminChainName": "MINE"})"));
  CHECK(full.backend == Backend::iptables);
  CHECK(full.policy == IngressPolicy::isolated);
  CHECK(full.admin_chain == "MINE");
  CHECK(parse_conf(request_for(R"({"ingressPolicy": "same-bridge", "backend": "firewalld"})")).policy ==
        IngressPolicy::same_bridge);
  CHECK(parse_conf(request_for(R"({"backend": "ufw"})")).backend == Backend::automatic);
}

TEST_CASE(
    "firewall: an unknown policy, and a chain that iptables would take for something else, are refused") {
  for (const char* bad :
       {R"({"ingressPolicy": "closed"})", R"({"ingressPolicy": 1})", R"({"iptablesAdminChainName": "a b"})",
        R"({"iptablesAdminChainName": "-j"})", R"({"iptablesAdminChainName": "a\nCOMMIT"})",
        R"({"iptablesAdminChainName": "12345678901234567890123456789"})", R"({"backend": []})"})
    CHECK_THROWS_MESSAGE(parse_conf(request_for(bad)), bad);
}

TEST_CASE("firewall: an address counts once, and the bridge is the first interface") {
  cni::Result result;
  CHECK_THROWS_AS(bridge_of(result), cni::Error);
  result.interfaces.push_back({.name = "cni0", .mac = {}, .sandbox = {}, .socket_path = {}, .pci_id = {}});
  CHECK(bridge_of(result) == "cni0");
  result.interfaces[0].name = "cni0 -j";
  CHECK_THROWS_AS(bridge_of(result), cni::Error);
  for (const char* text : {"10.88.0.5/16", "fd00::5/64", "10.88.0.5/24"})
    result.ips.push_back({.address = base::IpNet::parse(text).value()});
  const auto addresses = addresses_of(result);
  REQUIRE(addresses.size() == 2);
  CHECK(addresses[1].str() == "fd00::5");
}
