#include <doctest/doctest.h>

#include <string>

#include "flanneld/lease/network_config.h"
#include "tests/unit/flanneld/test_support.h"

using flanneld::Families;
using flanneld::FamilyConfig;
using flanneld::NetworkConfig;
using namespace flanneld_test;

namespace {

std::string summary(const FamilyConfig& family) {
  return family.network.str() + " " + std::to_string(family.subnet_len) + " " + family.subnet_min.str() +
         " " + family.subnet_max.str();
}

FamilyConfig ipv4(const std::string& members) {
  return NetworkConfig::parse("{" + members + "}").ipv4.value();
}

FamilyConfig ipv6(const std::string& members) {
  return NetworkConfig::parse(R"({"EnableIPv4":false,"EnableIPv6":true,)" + members + "}").ipv6.value();
}

std::string config_failure(const std::string& text) {
  return parse_failure([&] { NetworkConfig::parse(text); });
}

}  // namespace

TEST_CASE("network config: computed values of IPv4") {
  const struct {
    const char *members, *wanted;
  } cases[] = {
      {R"("Network":"10.3.0.0/16")", "10.3.0.0/16 24 10.3.1.0 10.3.255.0"},
      {R"("Network":"10.5.0.0/23")", "10.5.0.0/23 25 10.5.0.128 10.5.1.128"},
      {R"("Network":"10.5.0.0/28")", "10.5.0.0/28 30 10.5.0.4 10.5.0.12"},
      {R"("Network":"10.5.0.0/22")", "10.5.0.0/22 24 10.5.1.0 10.5.3.0"},
      {R"("Network":"10.3.4.5/16")", "10.3.0.0/16 24 10.3.1.0 10.3.255.0"},
      {R"("network":"10.3.0.0/16","SUBNETLEN":28,"Unknown":[1])", "10.3.0.0/16 28 10.3.0.16 10.3.255.240"},
      {R"("Network":"10.3.0.0/16","SubnetLen":0,"SubnetMin":"0.0.0.0")",
       "10.3.0.0/16 24 10.3.1.0 10.3.255.0"},
      {R"("Network":"10.3.0.0/16","SubnetMin":"10.3.0.0","SubnetMax":"10.3.9.0")",
       "10.3.0.0/16 24 10.3.0.0 10.3.9.0"},
      {R"("Network":"10.5.0.0/28","SubnetLen":30)", "10.5.0.0/28 30 10.5.0.4 10.5.0.12"},
      {R"("Network":"128.0.0.0/3","SubnetLen":5)", "128.0.0.0/3 5 136.0.0.0 152.0.0.0"},
  };
  for (const auto& test : cases) {
    CAPTURE(test.members);
    CHECK(summary(ipv4(test.members)) == test.wanted);
  }
}

TEST_CASE("network config: computed values of IPv6") {
  const struct {
    const char *members, *wanted;
  } cases[] = {
      {R"("IPv6Network":"fc00::/48")", "fc00::/48 64 fc00:0:0:1:: fc00:0:0:ffff::"},
      {R"("IPv6Network":"fc00::/62")", "fc00::/62 64 fc00:0:0:1:: fc00:0:0:3::"},
      {R"("IPv6Network":"fc00::/63")", "fc00::/63 65 fc00::8000:0:0:0 fc00:0:0:1:8000::"},
      {R"("IPv6Network":"fc00::/124")", "fc00::/124 126 fc00::4 fc00::c"},
      {R"("IPv6Network":"fc00::/48","IPv6SubnetLen":56,"IPv6SubnetMin":"fc00:0:0:200::")",
       "fc00::/48 56 fc00:0:0:200:: fc00:0:0:ff00::"},
      {R"("IPv6Network":"fc00::/48","IPv6SubnetMin":"::","IPv6SubnetMax":"fc00:0:0:9::")",
       "fc00::/48 64 fc00:0:0:1:: fc00:0:0:9::"},
  };
  for (const auto& test : cases) {
    CAPTURE(test.members);
    CHECK(summary(ipv6(test.members)) == test.wanted);
  }
}

TEST_CASE("network config: families, backend and nftables") {
  const auto plain = NetworkConfig::parse(R"({"Network":"10.3.0.0/16"})");
  CHECK(plain.ipv4);
  CHECK_FALSE(plain.ipv6);
  CHECK(plain.backend_type == "udp");
  CHECK(plain.backend == json::Value::object());
  CHECK_FALSE(plain.enable_nftables.has_value());

  const auto dual = NetworkConfig::parse(
      R"({"Network":"10.3.0.0/16","EnableIPv6":true,"ipv6network":"fc00::/48","enableNFTables":false,
          "Backend":{"type":"VXLAN","VNI":7,"DirectRouting":true}})");
  CHECK(dual.of(base::Family::v4)->subnet_len == 24);
  CHECK(dual.of(base::Family::v6)->subnet_len == 64);
  CHECK(dual.backend_type == "vxlan");
  CHECK(dual.backend.at("VNI") == 7);
  CHECK(dual.enable_nftables == false);
  // Null is as good as absent, and a family that is off needs no network.
  const auto only_v6 = NetworkConfig::parse(
      R"({"Network":null,"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/48","EnableNFTables":null})");
  CHECK_FALSE(only_v6.ipv4);
  CHECK_FALSE(only_v6.enable_nftables.has_value());
}

TEST_CASE("network config: what is masqueraded") {
  const auto config = [](const std::string& keys) {
    return NetworkConfig::parse(R"({"Network":"10.3.0.0/16",)" + keys + "}");
  };
  CHECK_FALSE(config(R"("IPMasq":null)").ip_masq);
  CHECK(config(R"("IPMasq":true)").ip_masq == Families{.v4 = true, .v6 = true});
  CHECK(config(R"("ipMasq":false)").ip_masq == Families{});
  CHECK(config(R"("IPMasq":"v6")").ip_masq == Families{.v4 = false, .v6 = true});
  CHECK(config(R"("NoMasquerade":["192.168.7.7/16","fd00::/8"])").no_masquerade ==
        std::vector{net("192.168.0.0/16"), net("fd00::/8")});
}

TEST_CASE("network config: each error names its key and what to do") {
  const std::string deep(70, '[');
  const std::pair<std::string, const char*> cases[] = {
      {"", "not valid JSON"},
      {"[]", "must be a JSON object"},
      {R"({"Network":)" + deep + std::string(70, ']') + "}", "deeper than 64 levels"},
      {std::string((1 << 20) + 1, ' '), "bytes long"},
      {"{}", "key 'Network': must be given, for example '10.244.0.0/16', or 'EnableIPv4'"},
      {R"({"Network":null})", "key 'Network': must be given"},
      {R"({"Network":"0.0.0.0/0"})", "key 'Network': must be given"},
      {R"({"Network":"127.0.0.0/16"})", "key 'Network': '127.0.0.0/16' holds loopback addresses"},
      {R"({"Network":"224.0.0.0/4"})", "holds multicast addresses"},
      {R"({"Network":"169.254.0.0/16"})", "holds link-local addresses"},
      {R"({"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fe80::/48"})",
       "key 'IPv6Network': 'fe80::/48' holds link-local addresses"},
      {R"({"Network":7})", "key 'Network' must be a string"},
      {R"({"Network":"10.3.0.0"})", "key 'Network': '10.3.0.0' is not an IPv4 network"},
      {R"({"Network":"fc00::/48"})", "key 'Network': 'fc00::/48' is not an IPv4 network"},
      {R"({"Network":"10.3.0.0/29"})", "too small, it must be at least a /28"},
      {R"({"Network":"10.3.0.0/16","SubnetLen":31})",
       "key 'SubnetLen' is '31', must be a whole number from 0 to 30"},
      {R"({"Network":"10.3.0.0/16","IPMasq":"both"})", "key 'IPMasq': must be true, false, 'v4' or 'v6'"},
      {R"({"Network":"10.3.0.0/16","IPMasq":1})", "key 'IPMasq': must be"},
      {R"({"Network":"10.3.0.0/16","IPMask":true})", "'IPMasq'"},
      {R"({"Network":"10.3.0.0/16","NoMasquerade":"10.0.0.0/8"})", "key 'NoMasquerade': must be a list"},
      {R"({"Network":"10.3.0.0/16","NoMasquerade":["10.0.0.0"]})",
       R"(key 'NoMasquerade': '"10.0.0.0"' is not a network)"},
      {R"({"Network":"10.3.0.0/16","NoMasquerade":[7]})", "key 'NoMasquerade': '7' is not a network"},
      {R"({"Network":"10.3.0.0/16","SubnetLen":17})",
       "key 'SubnetLen': a /17 leaves no room for four subnets"},
      {R"({"Network":"10.3.0.0/16","SubnetLen":24.0})", "key 'SubnetLen' is '24.0'"},
      {R"({"Network":"10.3.0.0/16","SubnetLen":"24"})", "key 'SubnetLen'"},
      {R"({"Network":"10.3.0.0/16","SubnetLen":-1})", "key 'SubnetLen'"},
      {R"({"Network":"10.3.0.0/16","SubnetMin":"10.4.0.0"})",
       "key 'SubnetMin': '10.4.0.0' is not in '10.3.0.0/16'"},
      {R"({"Network":"10.3.0.0/16","SubnetMax":"10.4.0.0"})", "key 'SubnetMax': '10.4.0.0' is not in"},
      {R"({"Network":"10.3.0.0/16","SubnetMin":"10.3.1.16"})",
       "key 'SubnetMin': '10.3.1.16' is not the base of a /24 subnet; the next one below is '10.3.1.0'"},
      {R"({"Network":"10.3.0.0/16","SubnetMax":"10.3.1.16"})",
       "key 'SubnetMax': '10.3.1.16' is not the base"},
      {R"({"Network":"10.3.0.0/16","SubnetMin":""})", "key 'SubnetMin': '' is not an IPv4 address"},
      {R"({"Network":"10.3.0.0/16","SubnetMin":"10.3.9.0","SubnetMax":"10.3.8.0"})", "no subnet is left"},
      {R"({"EnableIPv4":false})", "'EnableIPv4' and 'EnableIPv6' must be true"},
      {R"({"EnableIPv4":1,"Network":"10.3.0.0/16"})", "key 'EnableIPv4' must be true or false"},
      {R"({"EnableIPv6":true,"Network":"10.3.0.0/16"})", "key 'IPv6Network': must be given"},
      {R"({"EnableIPv6":true,"Network":"10.3.0.0/16","IPv6Network":"10.4.0.0/16"})",
       "is not an IPv6 network"},
      {R"({"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/125"})", "at least a /124"},
      {R"({"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/48","IPv6SubnetLen":127})",
       "from 0 to 126"},
      {R"({"Network":"10.3.0.0/16","Backend":{}})", "key 'Backend.Type': must name the backend"},
      {R"({"Network":"10.3.0.0/16","Backend":"vxlan"})", "key 'Backend' must be an object"},
      {R"({"Network":"10.3.0.0/16","EnableNFTables":"no"})", "key 'EnableNFTables' must be true or false"},
  };
  for (const auto& test : cases) {
    const auto& text = test.first;
    const auto& wanted = test.second;
    CAPTURE(text.substr(0, 100));
    CAPTURE(config_failure(text));
    CHECK(contains(config_failure(text), wanted));
    CHECK(config_failure(text).substr(0, 16) == "network config: ");
  }
}

TEST_CASE("network config: where the cluster assigns the subnets, lengths and bounds are not read") {
  const auto assigned = [](const std::string& text) {
    return NetworkConfig::parse(text, NetworkConfig::Subnets::assigned);
  };
  const auto config = assigned(R"({"Network": "10.42.0.0/30", "SubnetLen": 99, "SubnetMin": "1.2.3.4"})");
  CHECK(config.ipv4->network == net("10.42.0.0/30"));
  CHECK(config.ipv4->may_be_pods(ip("10.42.0.1")));
  // k3s gives such a network for the family that is off.
  CHECK(
      assigned(
          R"({"Network": "0.0.0.0/0", "EnableIPv4": false, "EnableIPv6": true, "IPv6Network": "fd00:42::/56"})")
          .ipv6->network == net("fd00:42::/56"));
  CHECK_FALSE(assigned(R"({"Network": "10.42.0.0/16", "EnableIPv6": false, "IPv6Network": "::/0"})").ipv6);
  CHECK(contains(parse_failure([&] { assigned(R"({"Network": "0.0.0.0/0"})"); }), "Network"));
}

TEST_CASE("network config: counting subnets") {
  const auto small = ipv4(R"("Network":"10.5.0.0/28")");
  CHECK(small.subnet_count() == 3);
  CHECK(small.nth_subnet(0) == net("10.5.0.4/30"));
  CHECK(small.nth_subnet(2) == net("10.5.0.12/30"));
  CHECK(small.index_of(ip("10.5.0.11")) == 1);
  CHECK(ipv4(R"("Network":"10.0.0.0/8")").subnet_count() == 65535);
  CHECK(ipv4(R"("Network":"10.0.0.0/8")").nth_subnet(65534) == net("10.255.255.0/24"));

  const auto wide = ipv6(R"("IPv6Network":"fc00::/48")");
  CHECK(wide.subnet_count() == 65535);
  CHECK(wide.nth_subnet(0) == net("fc00:0:0:1::/64"));
  CHECK(wide.nth_subnet(65534) == net("fc00:0:0:ffff::/64"));
  CHECK(wide.index_of(ip("fc00:0:0:a::ffff")) == 9);

  const auto odd = ipv6(R"("IPv6Network":"fc00::/48","IPv6SubnetLen":61)");
  CHECK(odd.subnet_count() == 8191);
  CHECK(odd.nth_subnet(31) == net("fc00:0:0:100::/61"));

  const auto huge = ipv6(R"("IPv6Network":"fc00::/8","IPv6SubnetLen":126)");
  CHECK(huge.subnet_count() == UINT64_MAX);
  CHECK(huge.nth_subnet(UINT64_MAX - 1) == net("fc00::3:ffff:ffff:ffff:fffc/126"));
}

TEST_CASE("network config: which subnets are allowed") {
  const auto config = ipv4(R"("Network":"10.3.0.0/16","SubnetMin":"10.3.2.0","SubnetMax":"10.3.9.0")");
  const std::pair<const char*, bool> cases[] = {
      {"10.3.2.0/24", true},   {"10.3.9.0/24", true},  {"10.3.1.0/24", false},
      {"10.3.10.0/24", false}, {"10.3.3.0/25", false}, {"10.3.3.1/24", false},
      {"10.3.2.0/23", false},  {"11.3.3.0/24", false}, {"fc00::/24", false},
  };
  for (const auto& test : cases) {
    const auto& subnet = test.first;
    const auto& wanted = test.second;
    CAPTURE(subnet);
    CHECK(config.allows(net(subnet)) == wanted);
  }
}

TEST_CASE(
    "network config: pods may have any address, except where the bounds keep a part of the network free") {
  const auto v4 = [](const std::string& bounds) {
    return flanneld::NetworkConfig::parse(
               fmt::format(R"({{"Network":"10.0.0.0/8","SubnetLen":24,{}"Backend":{{"Type":"vxlan"}}}})",
                           bounds))
        .ipv4.value();
  };
  CHECK(v4("").may_be_pods(ip("10.0.0.1")));
  CHECK(v4("").may_be_pods(ip("10.255.255.255")));
  CHECK(!v4("").may_be_pods(ip("11.0.0.0")));
  const auto narrow = v4(R"("SubnetMin":"10.10.0.0","SubnetMax":"10.99.0.0",)");
  CHECK(!narrow.may_be_pods(ip("10.0.2.15")));
  CHECK(narrow.may_be_pods(ip("10.10.0.1")));
  CHECK(narrow.may_be_pods(ip("10.99.0.255")));
  CHECK(!narrow.may_be_pods(ip("10.99.1.0")));
}

TEST_CASE("network config: a misspelt key is refused with the right one, a strange one ignored") {
  const auto with = [](const char* key) {
    return config_failure(
        fmt::format(R"({{"Network":"10.5.0.0/16","{}":24,"Backend":{{"Type":"vxlan"}}}})", key));
  };
  CHECK(with("SubnetLength") == "network config: there is no key 'SubnetLength'; did you mean 'SubnetLen'?");
  CHECK(contains(with("Subnet_Min"), "did you mean 'SubnetMin'?"));
  CHECK(contains(with("EnableNFTable"), "did you mean 'EnableNFTables'?"));
  for (const char* other : {"subnetLEN", "comment", "cniVersion", "Name"})
    CHECK_MESSAGE(with(other).empty(), other);
}
