#include "cni-flannel/ranges.h"

#include <doctest/doctest.h>

#include "common/base/error.h"
#include "common/cni/error.h"
#include "tests/unit/cni-flannel/test_support.h"

using flannel::SubnetEnv;
using namespace flannel_test;

namespace {

const std::string kIpv6First =
    "FLANNEL_IPV6_NETWORK=fc00::/48\nFLANNEL_IPV6_SUBNET=fc00::1/64\nFLANNEL_NETWORK=10.1.0.0/16\n"
    "FLANNEL_SUBNET=10.1.17.1/24\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n";

/// "subnet first-last, …; …": the ranges of each set, with what is given of them.
std::string ranges(const std::string& ipam, const std::string& env = kV4) {
  std::string text;
  for (const json::Value& set :
       flannel::render_ranges(json::Value::parse(ipam), SubnetEnv::parse(env, "env"))) {
    for (const json::Value& range : set)
      text += fmt::format("{} {}-{}{}, ", range.value("subnet", "?"), range.value("rangeStart", ""),
                          range.value("rangeEnd", ""),
                          range.contains("gateway") ? " by " + range.value("gateway", "") : "");
    text.replace(text.size() - 2, 2, "; ");
  }
  return text;
}

std::string refusal(const std::string& ipam, const std::string& env = kV4) {
  try {
    return ranges(ipam, env);
  } catch (const cni::Error& error) {
    return fmt::format("{} {}", static_cast<unsigned>(error.code()), error.what());
  }
}

}  // namespace

TEST_CASE("without a word in ipam the ranges are the node's subnets, in the order of subnet.env") {
  CHECK(ranges("{}") == "10.1.17.0/24 -; ");
  CHECK(ranges("{}", kDual) == "10.1.17.0/24 -; fc00::/64 -; ");
  CHECK(ranges("{}", kIpv6First) == "fc00::/64 -; 10.1.17.0/24 -; ");
}

TEST_CASE("start, end and gateway hold, by address or by host bits, for their family alone") {
  CHECK(ranges(R"({"rangeStart":"10.1.17.100","rangeEnd":"10.1.17.200"})") ==
        "10.1.17.0/24 10.1.17.100-10.1.17.200; ");
  CHECK(ranges(R"({"rangeStart":"0.0.0.100","gateway":"0.0.0.254"})") ==
        "10.1.17.0/24 10.1.17.100- by 10.1.17.254; ");
  CHECK(ranges(R"({"rangeEnd":"::ff"})", kDual) == "10.1.17.0/24 -; fc00::/64 -fc00::ff; ");
  CHECK(ranges(R"({"rangeStart":"::10","rangeEnd":"10.1.17.9"})", kIpv6First) ==
        "fc00::/64 fc00::10-; 10.1.17.0/24 -10.1.17.9; ");
}

TEST_CASE("a subnet in ipam narrows the node's, or holds it") {
  CHECK(ranges(R"({"subnet":"10.1.0.0/16"})") == "10.1.17.0/24 -; ");
  CHECK(ranges(R"({"subnet":"10.1.17.128/25"})") == "10.1.17.0/24 10.1.17.129-10.1.17.254; ");
}

TEST_CASE("ranges are taken as they are written, their order too") {
  CHECK(ranges(R"({"ranges":[[{"rangeStart":"0.0.0.10","rangeEnd":"0.0.0.20"},
                              {"subnet":"10.1.0.0/16","rangeStart":"0.0.0.30","rangeEnd":"0.0.0.40"}]]})") ==
        "10.1.17.0/24 10.1.17.10-10.1.17.20, 10.1.17.0/24 10.1.17.30-10.1.17.40; ");
  CHECK(ranges(R"({"ranges":[[{"subnet":"fc00::/48"}],[{"subnet":"10.1.0.0/16"}]]})", kDual) ==
        "fc00::/64 -; 10.1.17.0/24 -; ");
  CHECK(ranges(R"({"ranges":[[{"rangeStart":"::9"}]]})", kDual) == "fc00::/64 fc00::9-; 10.1.17.0/24 -; ");
}

TEST_CASE("reserved addresses and networks are left out, and those of other nodes change nothing") {
  CHECK(ranges(R"({"reserved":["10.1.17.2","10.1.18.0/24","10.1.18.7"]})") ==
        "10.1.17.0/24 10.1.17.1-10.1.17.1, 10.1.17.0/24 10.1.17.3-10.1.17.254; ");
  CHECK(ranges(R"({"reserved":["0.0.0.0/28","0.0.0.254","0.0.0.16"]})") ==
        "10.1.17.0/24 10.1.17.17-10.1.17.253; ");
  CHECK(ranges(
            R"({"rangeStart":"0.0.0.10","rangeEnd":"0.0.0.19","reserved":["10.1.17.12/31","10.1.17.13"]})") ==
        "10.1.17.0/24 10.1.17.10-10.1.17.11, 10.1.17.0/24 10.1.17.14-10.1.17.19; ");
  CHECK(ranges(R"({"reserved":["::/120"]})", kDual) ==
        "10.1.17.0/24 -; fc00::/64 fc00::100-fc00::ffff:ffff:ffff:ffff; ");
}

TEST_CASE("what does not fit the node's subnets is refused by name, and nothing is dropped") {
  CHECK(refusal(R"({"rangeStart":"10.1.18.5"})") ==
        "7 key 'ipam.rangeStart' is 10.1.18.5, outside of the node's subnet 10.1.17.0/24");
  CHECK(
      refusal(R"({"ranges":[[{"rangeEnd":"10.2.0.1"}]]})").starts_with("7 key 'ipam.ranges[0].rangeEnd' is"));
  CHECK(refusal(R"({"subnet":"10.8.0.0/24"})") ==
        "7 key 'ipam.subnet' is 10.8.0.0/24, and the node's subnet 10.1.17.0/24");
  CHECK(refusal(R"({"subnet":"x"})") == "7 key 'ipam.subnet' is 'x', no subnet");
  CHECK(refusal(R"({"rangeStart":"::5"})") == "7 key 'ipam' is of IPv6, of which the node has no subnet");
  CHECK(refusal(R"({"reserved":["x"]})").starts_with("7 key 'ipam.reserved' has 'x'"));
  CHECK(refusal(R"({"reserved":["10.1.0.0/16"]})") ==
        "7 key 'ipam.reserved' leaves the pods nothing of 10.1.17.0/24");
  CHECK(refusal(R"({"rangeStart":"0.0.0.9","rangeEnd":"0.0.0.5"})").find("is after rangeEnd") !=
        std::string::npos);
  CHECK(refusal(R"({"ranges":[[{}]]})") == "7 key 'ipam.ranges[0]' names neither a subnet nor an address");
  for (const char* bad : {R"({"ranges":[[]]})", R"({"ranges":[["x"]]})", R"({"ranges":[{}]})",
                          R"({"ranges":[[{"subnet":"10.1.0.0/16"},5]]})"})
    CHECK_MESSAGE(refusal(bad).starts_with("7 key 'ipam.ranges[0]' "), bad);
  CHECK_THROWS_AS(ranges(R"({"reserved":"10.1.17.2"})"), base::ParseError);
}
