#include "common/flannel/subnet_env.h"

#include <doctest/doctest.h>

#include <string>

#include "common/base/error.h"
#include "tests/unit/cni-flannel/test_support.h"

using flannel::SubnetEnv;
using namespace flannel_test;

namespace {

std::string parse_failure(const std::string& text) {
  try {
    SubnetEnv::parse(text, "f");
  } catch (const base::ParseError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("subnet.env: format gives back the text of every family") {
  const char* const ipv6_first =
      "FLANNEL_IPV6_NETWORK=fc00::/48\nFLANNEL_IPV6_SUBNET=fc00::1/64\nFLANNEL_NETWORK=10.1.0.0/16\n"
      "FLANNEL_SUBNET=10.1.17.1/24\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n";
  for (const char* text : {kV4, kTwoNetworks, kV6, kDual, ipv6_first})
    CHECK(SubnetEnv::parse(text, "f").format() == text);
}

TEST_CASE("subnet.env: several networks, the subnet, the MTU and the masquerade flag are read") {
  const auto env = SubnetEnv::parse(kTwoNetworks, "f");
  CHECK(env.networks.size() == 2);
  CHECK(env.subnet->str() == "10.1.17.1/24");
  CHECK(env.mtu == 1472);
  CHECK(env.ip_masq);
}

TEST_CASE("subnet.env: comments, CRLF, blanks and any order are read, and the last line of a key wins") {
  const auto env = SubnetEnv::parse(
      "# written by hand\r\n\r\nFLANNEL_IPMASQ=yes\r\nFLANNEL_MTU=1\r\nFLANNEL_MTU = 1450 "
      "\r\nX=y\r\nnoise\r\nFLANNEL_SUBNET=10.1.17.1/24\r\nFLANNEL_NETWORK=10.1.2.3/16, 10.1.0.0/16",
      "f");
  CHECK(env.mtu == 1450);
  CHECK_FALSE(env.ip_masq);
  CHECK(env.networks == std::vector<base::IpNet>{*base::IpNet::parse("10.1.0.0/16")});
}

TEST_CASE("subnet.env: the missing keys are named") {
  CHECK(parse_failure("junk") ==
        "f is missing FLANNEL_NETWORK, FLANNEL_IPV6_NETWORK, FLANNEL_SUBNET, FLANNEL_IPV6_SUBNET, "
        "FLANNEL_MTU, FLANNEL_IPMASQ");
  CHECK(parse_failure("") == parse_failure("junk"));
  CHECK(parse_failure("FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.17.1/24\nFLANNEL_MTU=1") ==
        "f is missing FLANNEL_IPMASQ");
}

TEST_CASE("subnet.env: a line without a value is named") {
  CHECK(parse_failure("a\nFLANNEL_MTU\n") == "f line 2: 'FLANNEL_MTU' has no '=' and no value");
}

TEST_CASE("subnet.env: every malformed value is refused by its key") {
  for (const char* bad : {"FLANNEL_MTU=-1", "FLANNEL_MTU=1.5", "FLANNEL_MTU=", "FLANNEL_MTU=99999999999",
                          "FLANNEL_MTU=70000", "FLANNEL_SUBNET=10.1.17.1", "FLANNEL_SUBNET=10.1.17.1/33",
                          "FLANNEL_SUBNET=fc00::1/64", "FLANNEL_NETWORK=10.1.0.0/16,", "FLANNEL_NETWORK=,",
                          "FLANNEL_NETWORK=fc00::/48", "FLANNEL_IPV6_NETWORK=10.1.0.0/16"})
    CHECK_MESSAGE(parse_failure(std::string(kV4) + bad).starts_with("f: FLANNEL_"), bad);
}

TEST_CASE("subnet.env: the families of network and subnet must match") {
  CHECK_FALSE(
      parse_failure(
          "FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_IPV6_SUBNET=fc00::1/64\nFLANNEL_MTU=1\nFLANNEL_IPMASQ=true")
          .empty());
}
