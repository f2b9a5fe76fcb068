#include "cni-flannel/conf.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "cni-flannel/bridge/conf.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/cni/error.h"
#include "tests/unit/cni-flannel/test_support.h"

using cni::Error;
using flannel::SubnetEnv;
using namespace flannel_test;

namespace {

std::string render(const std::string& config, const char* env) {
  const auto request = request_for(config);
  return flannel::render_delegate(flannel::parse_flannel_conf(request), SubnetEnv::parse(env, "subnet.env"),
                                  request)
      .dump();
}

json::Value rendered_ipam(const std::string& config, const char* env) {
  return json::Value::parse(render(config, env)).at("ipam");
}

}  // namespace

TEST_CASE("the delegate of one family is rendered byte for byte as upstream does") {
  CHECK(
      render(R"({"name":"cni-flannel"})", kV4) ==
      R"({"ipMasq":false,"ipam":{"ranges":[[{"subnet":"10.1.17.0/24"}]],"routes":[{"dst":"10.1.0.0/16"}],"type":"host-local"},"isGateway":true,"mtu":1472,"name":"cni-flannel","type":"bridge"})");
  CHECK(
      render(R"({"name":"cni-flannel"})", kV6) ==
      R"({"ipMasq":false,"ipam":{"ranges":[[{"subnet":"fc00::/64"}]],"routes":[{"dst":"fc00::/48"}],"type":"host-local"},"isGateway":true,"mtu":1472,"name":"cni-flannel","type":"bridge"})");
}

TEST_CASE("each family of a dual stack gets its own range and route") {
  CHECK(
      rendered_ipam("{}", kDual).dump() ==
      R"({"ranges":[[{"subnet":"10.1.17.0/24"}],[{"subnet":"fc00::/64"}]],"routes":[{"dst":"10.1.0.0/16"},{"dst":"fc00::/48"}],"type":"host-local"})");
}

TEST_CASE("each network of the cluster gets a route") {
  CHECK(rendered_ipam("{}", kTwoNetworks).at("routes").dump() ==
        R"([{"dst":"10.1.0.0/16"},{"dst":"192.168.0.0/16"}])");
}

TEST_CASE("version and runtimeConfig are the network's, the other keys the delegate's") {
  const json::Value given = json::Value::parse(render(
      R"({"name":"n","cniVersion":"1.0.0","runtimeConfig":{"a":1},"delegate":{"cniVersion":"0.3.1","runtimeConfig":{"b":2},"ipMasq":true,"mtu":9000,"isGateway":false,"bridge":"br"}})",
      kV4));
  CHECK(given.at("cniVersion") == "1.0.0");
  CHECK(given.at("runtimeConfig").dump() == R"({"a":1})");
  CHECK(given.at("ipMasq") == true);
  CHECK(given.at("mtu") == 9000);
  CHECK(given.at("isGateway") == false);
}

TEST_CASE("only the built-in bridge is made a gateway by default") {
  const json::Value other =
      json::Value::parse(render(R"({"name":"n","delegate":{"type":"macvlan","master":"eth1"}})", kV4));
  CHECK_FALSE(other.contains("isGateway"));
  CHECK(other.at("type") == "macvlan");
}

TEST_CASE("ipam keeps the keys of other plugins, and a network has no second route") {
  const json::Value ipam = rendered_ipam(
      R"({"ipam":{"type":"tele","x":{"y":1},"routes":[{"dst":"10.9.0.0/16","gw":"10.1.17.9"},{"dst":"10.1.0.0/16"}]}})",
      kV4);
  CHECK(ipam.at("type") == "tele");
  CHECK(ipam.at("x").at("y") == 1);
  CHECK(ipam.at("routes").dump() == R"([{"dst":"10.9.0.0/16","gw":"10.1.17.9"},{"dst":"10.1.0.0/16"}])");
}

TEST_CASE("a range in the configuration does not become a second address") {
  const json::Value ipam =
      rendered_ipam(R"({"ipam":{"subnet":"10.1.0.0/16","rangeStart":"10.1.17.9"}})", kV4);
  CHECK(ipam.at("ranges").dump() == R"([[{"rangeStart":"10.1.17.9","subnet":"10.1.17.0/24"}]])");
  for (const char* key : {"subnet", "rangeStart", "reserved"}) CHECK_FALSE(ipam.contains(key));
}

TEST_CASE("the ranges of another IPAM plugin are the node's subnets, and its keys its own") {
  const json::Value ipam = rendered_ipam(R"({"ipam":{"type":"tele","rangeStart":7,"reserved":["x"]}})", kV4);
  CHECK(ipam.at("ranges").dump() == R"([[{"subnet":"10.1.17.0/24"}]])");
  CHECK(ipam.at("rangeStart") == 7);
}

TEST_CASE("malformed routes are refused") {
  CHECK_THROWS_AS(rendered_ipam(R"({"ipam":{"routes":"x"}})", kV4), base::ParseError);
  CHECK_THROWS_AS(rendered_ipam(R"({"ipam":{"routes":[{"dst":"x"}]}})", kV4), Error);
}

TEST_CASE("'delegate' with 'name' or 'ipam' is refused") {
  for (const char* forbidden : {R"({"delegate":{"name":"x"}})", R"({"delegate":{"ipam":{}}})"})
    CHECK_THROWS_AS(flannel::parse_flannel_conf(request_for(forbidden)), Error);
}

TEST_CASE("a key of the wrong type is refused") {
  for (const char* mistyped : {R"({"delegate":{"type":5}})", R"({"delegate":"bridge"})", R"({"ipam":[]})",
                               R"({"subnetFile":1})", R"({"runtimeConfig":1})"})
    CHECK_THROWS_AS(flannel::parse_flannel_conf(request_for(mistyped)), base::ParseError);
}

TEST_CASE("subnetFile and dataDir are read, subnetFile has a default") {
  const auto conf = flannel::parse_flannel_conf(request_for(R"({"subnetFile":"/a","dataDir":"/b"})"));
  CHECK(conf.subnet_file == "/a");
  CHECK(conf.data_dir == "/b");
  CHECK(flannel::parse_flannel_conf(request_for("{}")).subnet_file == "/run/flannel/subnet.env");
}

TEST_CASE("each file of conf-examples is accepted") {
  int confs = 0, envs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/conf-examples")) {
    if (!entry.is_regular_file()) continue;
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
