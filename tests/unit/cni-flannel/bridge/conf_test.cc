#include "cni-flannel/bridge/conf.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "common/cni/error.h"
#include "tests/unit/cni-flannel/test_support.h"

using cni::ErrorCode;
using flannel_test::bridge_conf;

namespace {

ErrorCode bridge_error(const std::string& config) {
  try {
    bridge_conf(config);
  } catch (...) {
    const cni::Error error = cni::current_error();
    return error.code();
  }
  return ErrorCode::internal;
}

}  // namespace

TEST_CASE("bridge: all keys are read") {
  const auto conf = bridge_conf(
      R"({"bridge":"br9","isDefaultGateway":true,"forceAddress":true,"ipMasq":true,"ipMasqBackend":"iptables","mtu":1400,"hairpinMode":true,"vlan":100,
    "vlanTrunk":[{"id":101},{"minID":200,"maxID":210}],"preserveDefaultVlan":true,"macspoofchk":true,"enabledad":true,"portIsolation":true,"dns":{"domain":"d"}})");
  CHECK(conf.bridge == "br9");
  CHECK(conf.is_gateway);
  CHECK(conf.vlan == 100);
  CHECK(conf.vlan_trunk.size() == 2);
  CHECK(conf.vlan_trunk[1].last == 210);
  CHECK(conf.masquerade_backend == flannel::MasqueradeBackend::iptables);
  CHECK(conf.needs_vlan_filtering());
  CHECK(conf.vlan_gateway() == "br9.100");
}

TEST_CASE("bridge: sources that a pod is allowed are addresses, each once it is written") {
  const auto conf = bridge_conf(R"({"allowedSources":["10.244.1.250","192.0.2.0/30","2001:db8::f0/127"]})");
  CHECK(conf.allowed_sources.size() == 7);
  CHECK(conf.allowed_sources.front().str() == "10.244.1.250");
  CHECK(conf.allowed_sources.back().str() == "2001:db8::f1");
  CHECK(conf.allows_more());
  CHECK_FALSE(bridge_conf("{}").allows_more());
  CHECK(bridge_conf(R"({"allowedSources":["10.0.0.0/24"]})").allowed_sources.size() == 256);
}

TEST_CASE("bridge: vlan 0 needs no filtering of VLANs") {
  CHECK_FALSE(bridge_conf(R"({"vlan":0})").needs_vlan_filtering());
}

TEST_CASE("bridge: a value out of its range or at odds with another is refused") {
  for (const char* bad : {R"({"vlan":-100})",
                          R"({"vlan":5000})",
                          R"({"mtu":-1})",
                          R"({"mtu":70000})",
                          R"({"vlanTrunk":[{}]})",
                          R"({"vlanTrunk":[{"id":0}]})",
                          R"({"vlanTrunk":[{"id":4095}]})",
                          R"({"vlanTrunk":[{"minID":5}]})",
                          R"({"vlanTrunk":[{"maxID":5}]})",
                          R"({"vlanTrunk":[{"minID":9,"maxID":5}]})",
                          R"({"vlanTrunk":[{"id":1,"minID":2,"maxID":3}]})",
                          R"({"hairpinMode":true,"promiscMode":true})",
                          R"({"allowedSources":["10.0.0.0/23"]})",
                          R"({"allowedSources":["10.0.0.0/24","10.0.1.1"]})",
                          R"({"allowedSources":["::/0"]})",
                          R"({"allowedSources":["10.0.0.1/33"]})",
                          R"({"bridge":"a/b"})",
                          R"({"bridge":"a-very-long-bridge"})",
                          R"({"isGateway":true,"vlan":4000,"bridge":"bridge-eleven"})",
                          R"({"runtimeConfig":{"mac":"zz"}})",
                          R"({"runtimeConfig":{"mac":"01:00:00:00:00:01"}})",
                          R"({"args":{"cni":{"mac":"00:00:00:00:00:00"}}})"})
    CHECK_MESSAGE(bridge_error(bad) == ErrorCode::invalid_config, bad);
}

TEST_CASE("bridge: a value that is not supported is refused as such") {
  CHECK(bridge_error(R"({"ipMasqBackend":"pf"})") == ErrorCode::unsupported_field);
  CHECK(bridge_error(R"({"disableContainerInterface":true})") == ErrorCode::unsupported_field);
}

TEST_CASE("bridge: a key of the wrong type is refused") {
  CHECK(bridge_error(R"({"vlan":"1"})") == ErrorCode::decoding_failure);
  CHECK(bridge_error(R"({"vlanTrunk":{}})") == ErrorCode::decoding_failure);
}

TEST_CASE("bridge: runtimeConfig.mac wins over args.cni.mac, and that over CNI_ARGS") {
  CHECK(bridge_conf("{}", "IgnoreUnknown=1;MAC=02:00:00:00:00:01;X=y").mac->str() == "02:00:00:00:00:01");
  CHECK(bridge_conf(R"({"args":{"cni":{"mac":"02:00:00:00:00:02"}}})", "MAC=02:00:00:00:00:01").mac->str() ==
        "02:00:00:00:00:02");
  CHECK(bridge_conf(
            R"({"args":{"cni":{"mac":"02:00:00:00:00:02"}},"runtimeConfig":{"mac":"02:00:00:00:00:03"}})")
            .mac->str() == "02:00:00:00:00:03");
  CHECK_FALSE(bridge_conf("{}").mac.has_value());
}

TEST_CASE("bridge: the subnets of ipam.ranges are read, malformed ones skipped") {
  const auto subnets = bridge_conf(R"({"ipam":{"ranges":[[{"subnet":"10.1.17.9/24"},{"subnet":5},"x"],
    [{"subnet":"fc00::/64"}],{},[{"subnet":"x"}]]}})")
                           .subnets;
  CHECK(subnets ==
        std::vector<base::IpNet>{*base::IpNet::parse("10.1.17.0/24"), *base::IpNet::parse("fc00::/64")});
}

TEST_CASE("bridge: ranges that are none are left to the IPAM plugin") {
  for (const char* none : {"{}", R"({"ipam":5})", R"({"ipam":{"ranges":{}}})"})
    CHECK(bridge_conf(none).subnets.empty());
}
