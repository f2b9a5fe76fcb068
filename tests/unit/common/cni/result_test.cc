#include "common/cni/result.h"

#include <doctest/doctest.h>

#include "common/base/error.h"
#include "common/cni/error.h"

using cni::Error;

namespace {

cni::Result sample_result() {
  return cni::Result::parse(json::Value::parse(R"({"cniVersion":"1.1.0",
    "interfaces":[{"name":"cni0","mac":"0a:00:00:00:00:01","mtu":1450},{"name":"eth0","sandbox":"/run/netns/x","socketPath":"/s","pciID":"p"}],
    "ips":[{"interface":1,"address":"10.1.17.2/24","gateway":"10.1.17.1"},{"interface":1,"address":"fc00::2/64"}],
    "routes":[{"dst":"10.1.0.0/16"},{"dst":"::/0","gw":"fc00::1","mtu":1400,"table":0}],
    "dns":{"nameservers":["10.0.0.10"],"search":["a","b"]}})"),
                            "1.1.0");
}

}  // namespace

TEST_CASE("a result is printed in the form of every version") {
  const cni::Result result = sample_result();
  CHECK(
      result.to_json("1.1.0").dump() ==
      R"({"cniVersion":"1.1.0","interfaces":[{"name":"cni0","mac":"0a:00:00:00:00:01","mtu":1450},{"name":"eth0","sandbox":"/run/netns/x","socketPath":"/s","pciID":"p"}],"ips":[{"interface":1,"address":"10.1.17.2/24","gateway":"10.1.17.1"},{"interface":1,"address":"fc00::2/64"}],"routes":[{"dst":"10.1.0.0/16"},{"dst":"::/0","gw":"fc00::1","mtu":1400,"table":0}],"dns":{"nameservers":["10.0.0.10"],"search":["a","b"]}})");
  const auto v1 = result.to_json("1.0.0");
  CHECK_FALSE(v1["interfaces"][0].contains("mtu"));
  CHECK_FALSE(v1["ips"][0].contains("version"));
  const auto v04 = result.to_json("0.4.0");
  CHECK(v04["ips"][0]["version"] == "4");
  CHECK(v04["ips"][1]["version"] == "6");
  CHECK(
      result.to_json("0.2.0").dump() ==
      R"({"cniVersion":"0.2.0","ip4":{"ip":"10.1.17.2/24","gateway":"10.1.17.1","routes":[{"dst":"10.1.0.0/16"}]},"ip6":{"ip":"fc00::2/64","routes":[{"dst":"::/0","gw":"fc00::1"}]},"dns":{"nameservers":["10.0.0.10"],"search":["a","b"]}})");
  cni::Result empty;
  CHECK(empty.to_json("0.3.1").dump() == R"({"cniVersion":"0.3.1","dns":{}})");
  CHECK(empty.to_json("1.0.0").dump() == R"({"cniVersion":"1.0.0"})");
  CHECK_THROWS_WITH_AS(static_cast<void>(empty.to_json("0.1.0")), doctest::Contains("no valid IP addresses"),
                       Error);
}

TEST_CASE("a printed result is read back in each form, and refused in another") {
  const cni::Result result = sample_result();
  for (const char* version : {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}) {
    const std::string text = result.to_json(version).dump();
    CHECK(cni::Result::parse(json::Value::parse(text), version).to_json(version).dump() == text);
  }
  CHECK_THROWS_AS(cni::Result::parse(json::Value::parse(R"({"cniVersion":"0.2.0"})"), "1.0.0"), Error);
  CHECK_THROWS_AS(cni::Result::parse(json::Value::parse(R"({"ips":[{"address":"10.0.0.300/24"}]})"), "1.0.0"),
                  Error);
  CHECK_THROWS_AS(cni::Result::parse(json::Value::parse(R"({"ips":"x"})"), "1.0.0"), base::ParseError);
  CHECK_THROWS_AS(cni::Result::parse(json::Value::parse("[]"), "1.0.0"), Error);
}
