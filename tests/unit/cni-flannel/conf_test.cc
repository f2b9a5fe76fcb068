#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "cni-flannel/bridge/attachment_names.h"
#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/bridge/plan.h"
#include "cni-flannel/conf.h"
#include "cni-flannel/filter/iptables_masquerade.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/cni/error.h"

using cni::Error;
using cni::ErrorCode;
using flannel::SubnetEnv;

namespace {

const char* kV4 =
    "FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.17.1/24\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n";
const char* kTwoNetworks =
    "FLANNEL_NETWORK=10.1.0.0/16,192.168.0.0/16\nFLANNEL_SUBNET=10.1.17.1/"
    "24\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n";
const char* kV6 =
    "FLANNEL_IPV6_NETWORK=fc00::/48\nFLANNEL_IPV6_SUBNET=fc00::1/64\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n";
const char* kDual =
    "FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.17.1/24\nFLANNEL_IPV6_NETWORK=fc00::/"
    "48\nFLANNEL_IPV6_SUBNET=fc00::1/64\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n";

cni::Request request_for(const std::string& config) {
  cni::Request request;
  request.config = json::Value::parse(config);
  request.network = request.config.value("name", "cni-flannel");
  request.version = request.config.value("cniVersion", "0.1.0");
  return request;
}

std::string render(const std::string& config, const char* env) {
  const auto request = request_for(config);
  return flannel::render_delegate(flannel::parse_flannel_conf(request), SubnetEnv::parse(env, "subnet.env"),
                                  request)
      .dump();
}

json::Value rendered_ipam(const std::string& config, const char* env) {
  return json::Value::parse(render(config, env)).at("ipam");
}

flannel::BridgeConf bridge_conf(const std::string& config, const std::string& args = "") {
  auto request = request_for(config);
  request.args = args;
  return flannel::parse_bridge_conf(request);
}

ErrorCode bridge_error(const std::string& config) {
  try {
    bridge_conf(config);
  } catch (...) {
    const cni::Error error = cni::current_error();
    return error.code();
  }
  return ErrorCode::internal;
}

std::string parse_failure(const std::string& text) {
  try {
    SubnetEnv::parse(text, "f");
  } catch (const base::ParseError& error) {
    return error.what();
  }
  return "";
}

cni::Result ipam_result(const std::string& json) {
  return cni::Result::parse(json::Value::parse(json), "1.0.0");
}

const base::MacAddress kMac = *base::MacAddress::parse("02:00:00:00:00:03");

flannel::Plan plan_of(const flannel::BridgeConf& conf, const cni::Result& ipam) {
  return flannel::make_plan(conf, ipam, kMac);
}

}  // namespace

TEST_CASE("subnet.env: v4, v6, dual stack, several networks; format is the inverse") {
  for (const char* text : {kV4, kTwoNetworks, kV6, kDual})
    CHECK(SubnetEnv::parse(text, "f").format() == text);
  const auto env = SubnetEnv::parse(kTwoNetworks, "f");
  CHECK(env.networks.size() == 2);
  CHECK(env.subnet->str() == "10.1.17.1/24");
  CHECK(env.mtu == 1472);
  CHECK(env.ip_masq);
}

TEST_CASE("subnet.env: comments, CRLF, blanks, order, last line wins") {
  const auto env = SubnetEnv::parse(
      "# written by hand\r\n\r\nFLANNEL_IPMASQ=yes\r\nFLANNEL_MTU=1\r\nFLANNEL_MTU = 1450 "
      "\r\nX=y\r\nnoise\r\nFLANNEL_SUBNET=10.1.17.1/24\r\nFLANNEL_NETWORK=10.1.2.3/16, 10.1.0.0/16",
      "f");
  CHECK(env.mtu == 1450);
  CHECK_FALSE(env.ip_masq);
  CHECK(env.networks == std::vector<base::IpNet>{*base::IpNet::parse("10.1.0.0/16")});
}

TEST_CASE("subnet.env: every malformed form is told") {
  CHECK(parse_failure("junk") ==
        "f is missing FLANNEL_NETWORK, FLANNEL_IPV6_NETWORK, FLANNEL_SUBNET, FLANNEL_IPV6_SUBNET, "
        "FLANNEL_MTU, FLANNEL_IPMASQ");
  CHECK(parse_failure("") == parse_failure("junk"));
  CHECK(parse_failure("FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.17.1/24\nFLANNEL_MTU=1") ==
        "f is missing FLANNEL_IPMASQ");
  CHECK(parse_failure("a\nFLANNEL_MTU\n") == "f line 2: 'FLANNEL_MTU' has no '=' and no value");
  for (const char* bad : {"FLANNEL_MTU=-1", "FLANNEL_MTU=1.5", "FLANNEL_MTU=", "FLANNEL_MTU=99999999999",
                          "FLANNEL_MTU=70000", "FLANNEL_SUBNET=10.1.17.1", "FLANNEL_SUBNET=10.1.17.1/33",
                          "FLANNEL_SUBNET=fc00::1/64", "FLANNEL_NETWORK=10.1.0.0/16,", "FLANNEL_NETWORK=,",
                          "FLANNEL_NETWORK=fc00::/48", "FLANNEL_IPV6_NETWORK=10.1.0.0/16"})
    CHECK_MESSAGE(parse_failure(std::string(kV4) + bad).starts_with("f: FLANNEL_"), bad);
  CHECK_FALSE(
      parse_failure(
          "FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_IPV6_SUBNET=fc00::1/64\nFLANNEL_MTU=1\nFLANNEL_IPMASQ=true")
          .empty());
}

TEST_CASE("render: upstream's bytes") {
  CHECK(
      render(R"({"name":"cni-flannel"})", kV4) ==
      R"({"ipMasq":false,"ipam":{"ranges":[[{"subnet":"10.1.17.0/24"}]],"routes":[{"dst":"10.1.0.0/16"}],"type":"host-local"},"isGateway":true,"mtu":1472,"name":"cni-flannel","type":"bridge"})");
  CHECK(
      render(R"({"name":"cni-flannel"})", kV6) ==
      R"({"ipMasq":false,"ipam":{"ranges":[[{"subnet":"fc00::/64"}]],"routes":[{"dst":"fc00::/48"}],"type":"host-local"},"isGateway":true,"mtu":1472,"name":"cni-flannel","type":"bridge"})");
  CHECK(
      rendered_ipam("{}", kDual).dump() ==
      R"({"ranges":[[{"subnet":"10.1.17.0/24"}],[{"subnet":"fc00::/64"}]],"routes":[{"dst":"10.1.0.0/16"},{"dst":"fc00::/48"}],"type":"host-local"})");
  CHECK(rendered_ipam("{}", kTwoNetworks).at("routes").dump() ==
        R"([{"dst":"10.1.0.0/16"},{"dst":"192.168.0.0/16"}])");
}

TEST_CASE("render: precedence") {
  const json::Value given = json::Value::parse(render(
      R"({"name":"n","cniVersion":"1.0.0","runtimeConfig":{"a":1},"delegate":{"cniVersion":"0.3.1","runtimeConfig":{"b":2},"ipMasq":true,"mtu":9000,"isGateway":false,"bridge":"br"}})",
      kV4));
  CHECK(given.at("cniVersion") == "1.0.0");
  CHECK(given.at("runtimeConfig").dump() == R"({"a":1})");
  CHECK(given.at("ipMasq") == true);
  CHECK(given.at("mtu") == 9000);
  CHECK(given.at("isGateway") == false);
  const json::Value other =
      json::Value::parse(render(R"({"name":"n","delegate":{"type":"macvlan","master":"eth1"}})", kV4));
  CHECK_FALSE(other.contains("isGateway"));
  CHECK(other.at("type") == "macvlan");
}

TEST_CASE("render: ipam keys of others stay, a stray range does not become a second address") {
  const json::Value ipam = rendered_ipam(
      R"({"ipam":{"type":"tele","x":{"y":1},"routes":[{"dst":"10.9.0.0/16","gw":"10.1.17.9"},{"dst":"10.1.0.0/16"}]}})",
      kV4);
  CHECK(ipam.at("type") == "tele");
  CHECK(ipam.at("x").at("y") == 1);
  CHECK(ipam.at("routes").dump() ==
        R"([{"dst":"10.9.0.0/16","gw":"10.1.17.9"},{"dst":"10.1.0.0/16"}])");  // not twice
  CHECK_FALSE(
      rendered_ipam(
          R"({"ipam":{"subnet":"10.8.0.0/24","rangeStart":"10.8.0.9","ranges":[[{"subnet":"10.7.0.0/24"}]]}})",
          kV4)
          .contains("subnet"));
  CHECK_THROWS_AS(rendered_ipam(R"({"ipam":{"routes":"x"}})", kV4), base::ParseError);
  CHECK_THROWS_AS(rendered_ipam(R"({"ipam":{"routes":[{"dst":"x"}]}})", kV4), Error);
}

TEST_CASE("conf: forbidden and mistyped keys") {
  for (const char* forbidden : {R"({"delegate":{"name":"x"}})", R"({"delegate":{"ipam":{}}})"})
    CHECK_THROWS_AS(flannel::parse_flannel_conf(request_for(forbidden)), Error);
  for (const char* mistyped : {R"({"delegate":{"type":5}})", R"({"delegate":"bridge"})", R"({"ipam":[]})",
                               R"({"subnetFile":1})", R"({"runtimeConfig":1})"})
    CHECK_THROWS_AS(flannel::parse_flannel_conf(request_for(mistyped)), base::ParseError);
  const auto conf = flannel::parse_flannel_conf(request_for(R"({"subnetFile":"/a","dataDir":"/b"})"));
  CHECK(conf.subnet_file == "/a");
  CHECK(conf.data_dir == "/b");
  CHECK(flannel::parse_flannel_conf(request_for("{}")).subnet_file == "/run/flannel/subnet.env");
}

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
  CHECK_FALSE(bridge_conf(R"({"vlan":0})").needs_vlan_filtering());
}

TEST_CASE("bridge: each bad value is refused") {
  for (const char* bad :
       {R"({"vlan":-100})", R"({"vlan":5000})", R"({"mtu":-1})", R"({"mtu":70000})", R"({"vlanTrunk":[{}]})",
        R"({"vlanTrunk":[{"id":0}]})", R"({"vlanTrunk":[{"id":4095}]})", R"({"vlanTrunk":[{"minID":5}]})",
        R"({"vlanTrunk":[{"maxID":5}]})", R"({"vlanTrunk":[{"minID":9,"maxID":5}]})",
        R"({"vlanTrunk":[{"id":1,"minID":2,"maxID":3}]})", R"({"hairpinMode":true,"promiscMode":true})",
        R"({"bridge":"a/b"})", R"({"bridge":"a-very-long-bridge"})",
        R"({"isGateway":true,"vlan":4000,"bridge":"bridge-eleven"})", R"({"runtimeConfig":{"mac":"zz"}})",
        R"({"runtimeConfig":{"mac":"01:00:00:00:00:01"}})",
        R"({"args":{"cni":{"mac":"00:00:00:00:00:00"}}})"})
    CHECK_MESSAGE(bridge_error(bad) == ErrorCode::invalid_config, bad);
  CHECK(bridge_error(R"({"ipMasqBackend":"pf"})") == ErrorCode::unsupported_field);
  CHECK(bridge_error(R"({"disableContainerInterface":true})") == ErrorCode::unsupported_field);
  CHECK(bridge_error(R"({"vlan":"1"})") == ErrorCode::decoding_failure);
  CHECK(bridge_error(R"({"vlanTrunk":{}})") == ErrorCode::decoding_failure);
}

TEST_CASE("bridge: the last source of a MAC wins") {
  CHECK(bridge_conf("{}", "IgnoreUnknown=1;MAC=02:00:00:00:00:01;X=y").mac->str() == "02:00:00:00:00:01");
  CHECK(bridge_conf(R"({"args":{"cni":{"mac":"02:00:00:00:00:02"}}})", "MAC=02:00:00:00:00:01").mac->str() ==
        "02:00:00:00:00:02");
  CHECK(bridge_conf(
            R"({"args":{"cni":{"mac":"02:00:00:00:00:02"}},"runtimeConfig":{"mac":"02:00:00:00:00:03"}})")
            .mac->str() == "02:00:00:00:00:03");
  CHECK_FALSE(bridge_conf("{}").mac.has_value());
}

TEST_CASE("plan: gateways, routes, one default route for each family") {
  const auto conf = bridge_conf(R"({"isDefaultGateway":true})");
  const auto plan = plan_of(
      conf,
      ipam_result(
          R"({"ips":[{"address":"10.1.17.2/24"},{"address":"10.1.17.3/24","gateway":"10.1.17.1"},{"address":"fc00::2/64","gateway":"fc00::1"}],"routes":[{"dst":"10.1.0.0/16"},{"dst":"fc00::/48"},{"dst":"10.9.0.0/16","gw":"10.1.17.9"}]})"));
  CHECK(plan.gateway_addresses ==
        std::vector<base::IpNet>{*base::IpNet::parse("10.1.17.1/24"), *base::IpNet::parse("fc00::1/64")});
  std::string routes;
  for (const auto& route : plan.container_routes) routes += route.str() + "; ";
  CHECK(routes ==
        "10.1.0.0/16 via 10.1.17.1; fc00::/48 via fc00::1; 10.9.0.0/16 via 10.1.17.9; 0.0.0.0/0 via "
        "10.1.17.1; ::/0 via fc00::1; ");
  CHECK(plan.result_ips[0].gateway->str() == "10.1.17.1");
  CHECK(plan.result_ips[0].interface == 2);
  CHECK(plan.has_family(base::Family::v6));
}

TEST_CASE("plan: the container's MAC follows from its IPv4 address, unless another was asked for") {
  const auto dual = ipam_result(R"({"ips":[{"address":"fc00::2/64"},{"address":"10.1.17.2/24"}]})");
  const auto follows = plan_of(bridge_conf(R"({"isGateway":true})"), dual);
  CHECK(follows.container_mac.str() == "0a:58:0a:01:11:02");
  CHECK(follows.mac_follows_address);
  const auto v6 = ipam_result(R"({"ips":[{"address":"fc00::2/64"}]})");
  const std::string asked = R"({"isGateway":true,"runtimeConfig":{"mac":"02:00:00:00:00:03"}})";
  for (const auto& plan :
       {plan_of(bridge_conf("{}"), dual), plan_of(bridge_conf(R"({"isGateway":true})"), v6),
        plan_of(bridge_conf(asked), dual)}) {
    CHECK(plan.container_mac == kMac);
    CHECK_FALSE(plan.mac_follows_address);
  }
}

TEST_CASE("bridge: the subnets of ipam.ranges are known; what is none is left to the IPAM plugin") {
  const auto subnets = bridge_conf(R"({"ipam":{"ranges":[[{"subnet":"10.1.17.9/24"},{"subnet":5},"x"],
    [{"subnet":"fc00::/64"}],{},[{"subnet":"x"}]]}})")
                           .subnets;
  CHECK(subnets ==
        std::vector<base::IpNet>{*base::IpNet::parse("10.1.17.0/24"), *base::IpNet::parse("fc00::/64")});
  for (const char* none : {"{}", R"({"ipam":5})", R"({"ipam":{"ranges":{}}})"})
    CHECK(bridge_conf(none).subnets.empty());
}

TEST_CASE("plan: a default route of the IPAM is not doubled") {
  const auto conf = bridge_conf(R"({"isDefaultGateway":true})");
  const auto plan =
      plan_of(conf, ipam_result(R"({"ips":[{"address":"10.1.17.2/24"}],"routes":[{"dst":"0.0.0.0/0"}]})"));
  REQUIRE(plan.container_routes.size() == 1);
  CHECK(plan.container_routes[0].gw->str() == "10.1.17.1");
}

TEST_CASE("plan: no gateway asked for, none made; no address is an error") {
  const auto plan =
      plan_of(bridge_conf("{}"),
              ipam_result(R"({"ips":[{"address":"10.1.17.2/24"}],"routes":[{"dst":"10.1.0.0/16"}]})"));
  CHECK(plan.gateway_addresses.empty());
  CHECK_FALSE(plan.container_routes[0].gw.has_value());
  CHECK_THROWS_AS(plan_of(bridge_conf("{}"), cni::Result{}), Error);
}

TEST_CASE("plan: the delegate's dns replaces the IPAM's") {
  const auto ipam = ipam_result(R"({"ips":[{"address":"10.1.17.2/24"}],"dns":{"domain":"ipam"}})");
  CHECK(plan_of(bridge_conf("{}"), ipam).dns.domain == "ipam");
  CHECK(plan_of(bridge_conf(R"({"dns":{"domain":"conf"}})"), ipam).dns.domain == "conf");
}

TEST_CASE("names: stable, distinct, within the kernel's limits") {
  CHECK(flannel::host_veth_name({"c1", "eth0"}, 0) == flannel::host_veth_name({"c1", "eth0"}, 0));
  CHECK(flannel::host_veth_name({"c1", "eth0"}, 0) != flannel::host_veth_name({"c1", "eth0"}, 1));
  CHECK(flannel::host_veth_name({"c1", "eth0"}, 0) != flannel::host_veth_name({"c1", "eth1"}, 0));
  CHECK(flannel::host_veth_name({"c1", "eth0"}, 0).size() == 12);
  CHECK(flannel::link_alias("net", {"id", "eth0"}) == "net/id/eth0");
  CHECK(flannel::container_of("net/id/eth0") == "id");
  for (const char* other : {"", "uplink", "a/b"}) CHECK(flannel::container_of(other).empty());
  CHECK(flannel::link_alias(std::string(200, 'n'), {std::string(200, 'i'), "eth0"}).size() == 255);
}

TEST_CASE("iptables: the reference's chain name") {
  CHECK(flannel::iptables_chain("cbr0", "c4") == "CNI-12cac0db6bae62c0a1d214dc");
}

TEST_CASE("conf-examples: each is a configuration or a subnet file that is accepted") {
  int confs = 0, envs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/conf-examples")) {
    const std::string path = entry.path().string();
    INFO(path);
    const std::string text = base::read_file(path, 1 << 20).value();
    if (entry.path().extension() == ".env") {
      CHECK(SubnetEnv::parse(text, path).format() == text);
      ++envs;
    } else if (entry.path().extension() == ".conf" || entry.path().extension() == ".conflist") {
      const json::Value file = json::parse(text, path);
      for (json::Value plugin : file.value("plugins", json::Value::array({file}))) {
        plugin["name"] = file.at("name");
        if (plugin.at("type") != "flannel") continue;
        const auto request = request_for(plugin.dump());
        const auto conf = flannel::parse_flannel_conf(request);
        const json::Value rendered = flannel::render_delegate(conf, SubnetEnv::parse(kDual, "f"), request);
        if (conf.types.delegate == "bridge")
          CHECK_NOTHROW(flannel::parse_bridge_conf(request.with_config(rendered)));
      }
      ++confs;
    }
  }
  CHECK(confs >= 5);
  CHECK(envs >= 3);
}
