#include <doctest/doctest.h>

#include <string>

#include "flanneld/backend/vxlan_lease_data.h"
#include "flanneld/lease/lease.h"
#include "tests/unit/flanneld/test_support.h"

using flanneld::Lease;
using flanneld::LeaseAttributes;
using flanneld::LeaseKey;
using flanneld::NetworkConfig;
using flanneld::VxlanLeaseData;
using namespace flanneld_test;

namespace {

/// parse() and what people would read; "" for a name that is no subnet.
std::string parsed(const std::string& name) {
  const auto key = LeaseKey::parse(name);
  return key ? key->str() : "";
}

std::string attributes_failure(const std::string& text) {
  return parse_failure([&] { LeaseAttributes::parse(text); });
}

}  // namespace

TEST_CASE("lease key: names that are subnets") {
  const std::pair<const char*, const char*> cases[] = {
      {"10.5.34.0-24", "10.5.34.0/24"},
      {"10.5.34.0-24&fd00:10:5::-64", "10.5.34.0/24 and fd00:10:5::/64"},
      {"10.12.13.0-24&fd00:12:13::-56", "10.12.13.0/24 and fd00:12:13::/56"},
      {"0.0.0.0-0&fd00:10:5::-64", "fd00:10:5::/64"},
  };
  for (const auto& test : cases) {
    const auto& name = test.first;
    const auto& wanted = test.second;
    CAPTURE(name);
    CHECK(parsed(name) == wanted);
    CHECK(key(name).format() == name);
  }
}

TEST_CASE("lease key: upstream's leniency and its limits") {
  const std::pair<std::string, const char*> cases[] = {
      // Anchored only at the end.
      {"/coreos.com/network/subnets/10.5.34.0-24", "10.5.34.0/24"},
      {"x10.5.34.0-24", "10.5.34.0/24"},
      {"1.2.3.10.5.34.0-24", "10.5.34.0/24"},
      {"rubbish&10.5.34.0-24", "10.5.34.0/24"},
      {"10.5.34.7-24", "10.5.34.7/24"},
      {"10.5.34.0-024", "10.5.34.0/24"},
      {"10.5.34.0-31", "10.5.34.0/31"},
      {"10.5.34.0-24&fd00::-127", "10.5.34.0/24 and fd00::/127"},
      // Not subnets.
      {"", ""},
      {"config", ""},
      {"10.5.34.0", ""},
      {"10.5.34.0-", ""},
      {"10.5.34.0-32", ""},
      {"10.5.34.0--1", ""},
      {"10.5.34.0-+24", ""},
      {"10.5.34.0-24 ", ""},
      {"10.5.34.0-24x", ""},
      {"10.5.34.0-99999999999999999999", ""},
      {"10.5.256.0-24", ""},
      {"9999.5.34.0-24", ""},
      {"10.5.034.0-24", ""},
      {"5.34.0-24", ""},
      {"10..34.0-24", ""},
      {"0.0.0.0-0", ""},
      {"fd00:10:5::-64", ""},
      {"&fd00:10:5::-64", ""},
      {"10.5.34.0-24&", ""},
      {"10.5.34.0-24&fd00::-128", ""},
      {"10.5.34.0-24&FD00::-64", ""},
      {"10.5.34.0-24&fd00-64", ""},
      {"10.5.34.0-24&::ffff:a00:1-64", ""},
      {"10.5.34.0-24&fd00::-64&fd01::-64", ""},
      {std::string(1 << 20, '1') + "-24", ""},
      {std::string(1 << 20, '.') + "-24", ""},
      {std::string("10.5.34.0-24\0", 13), ""},
  };
  for (const auto& test : cases) {
    const auto& name = test.first;
    const auto& wanted = test.second;
    CAPTURE(name.substr(0, 80));
    CHECK(parsed(name) == wanted);
  }
}

TEST_CASE("lease key: shared subnets") {
  CHECK(key("10.5.34.0-24").shares_subnet(key("10.5.34.0-24&fd00::-64")));
  CHECK(key("10.5.1.0-24&fd00::-64").shares_subnet(key("10.5.34.0-24&fd00::-64")));
  CHECK_FALSE(key("10.5.1.0-24").shares_subnet(key("10.5.34.0-24")));
  CHECK_FALSE(key("10.5.1.0-24").shares_subnet(key("0.0.0.0-0&fd00::-64")));
}

TEST_CASE("lease attributes: upstream's literals, byte for byte") {
  const char* texts[] = {
      R"({"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}})",
      R"({"PublicIP":"192.168.64.3","PublicIPv6":"2001:db8::3","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"},"BackendV6Data":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:45"}})",
      R"({"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"host-gw"})",
      R"({"PublicIP":"192.168.64.3","PublicIPv6":null})",
      R"({"PublicIP":"0.0.0.0","PublicIPv6":"2001:db8::3","BackendType":"wireguard","BackendV6Data":{"PublicKey":"a+/b=","Port":51821}})",
      R"({"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"extension","BackendData":"a \"word\""})",
  };
  for (const char* text : texts) {
    CAPTURE(text);
    CHECK(LeaseAttributes::parse(text).format() == text);
  }
  const auto first = LeaseAttributes::parse(texts[0]);
  CHECK(first.public_ip == ip("192.168.64.3"));
  CHECK_FALSE(first.public_ipv6);
  CHECK(first.backend_type == "vxlan");
  CHECK(VxlanLeaseData::parse(first.backend_data).format() == first.backend_data);
}

TEST_CASE("lease attributes: Go's decoding") {
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", R"({"PublicIP":"0.0.0.0","PublicIPv6":null})"},
      {R"( {"publicip" : "10.0.0.1", "New": [1], "BACKENDTYPE": null, "BackendData": null} )",
       R"({"PublicIP":"10.0.0.1","PublicIPv6":null})"},
      {R"({"backenddata":{ "b" : 1, "a" : [ ] },"PublicIP":"10.0.0.1"})",
       R"({"PublicIP":"10.0.0.1","PublicIPv6":null,"BackendData":{"b":1,"a":[]}})"},
      {R"({"PublicIP":"10.0.0.1","PublicIP":"10.0.0.2"})", R"({"PublicIP":"10.0.0.2","PublicIPv6":null})"},
  };
  for (const auto& test : cases) {
    const auto& text = test.first;
    const auto& wanted = test.second;
    CAPTURE(text);
    CHECK(LeaseAttributes::parse(text).format() == wanted);
  }
}

TEST_CASE("lease attributes: what is refused") {
  const std::pair<std::string, const char*> cases[] = {
      {"", "not valid JSON"},
      {"null", "must be a JSON object"},
      {R"({"PublicIP":null})", "key 'PublicIP' is null"},
      {R"({"publicIP":null})", "key 'PublicIP' is null"},
      {R"({"PublicIP":""})", "key 'PublicIP': '' is not an IPv4 address"},
      {R"({"PublicIP":"2001:db8::3"})", "is not an IPv4 address"},
      {R"({"PublicIP":5})", "key 'PublicIP' must be a string"},
      {R"({"PublicIPv6":"10.0.0.1"})", "is not an IPv6 address"},
      {R"({"PublicIPv6":""})", "key 'PublicIPv6'"},
      {R"({"BackendType":["vxlan"]})", "key 'BackendType' must be a string"},
      {R"({"BackendData":)" + std::string(100, '[') + std::string(100, ']') + "}", "deeper than"},
      {R"({"BackendData":")" + std::string(70000, 'x') + "\"}", "bytes long"},
      {R"({"PublicIP":")" + std::string(1000, 'x') + "\"}", "xxx…' is not an IPv4 address"},
      {"{\"BackendType\":\"\xff\"}", "not valid JSON"},
  };
  for (const auto& test : cases) {
    const auto& text = test.first;
    const auto& wanted = test.second;
    CAPTURE(text.substr(0, 80));
    CAPTURE(attributes_failure(text));
    CHECK(contains(attributes_failure(text), wanted));
    CHECK(attributes_failure(text).size() < 500);
  }
}

TEST_CASE("vxlan lease data") {
  const char* text = R"({"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"})";
  const auto data = VxlanLeaseData::parse(text);
  CHECK(data.vni == 1);
  CHECK(data.vtep_mac.str() == "c6:d2:32:6f:8f:44");
  CHECK(data.format() == text);
  CHECK(VxlanLeaseData::parse(R"({"vtepmac":"C6-D2-32-6F-8F-44"})").format() ==
        R"({"VNI":0,"VtepMAC":"c6:d2:32:6f:8f:44"})");
  for (const char* bad :
       {"", "1", "{}", R"({"VNI":-1,"VtepMAC":"c6:d2:32:6f:8f:44"})",
        R"({"VNI":1.5,"VtepMAC":"c6:d2:32:6f:8f:44"})", R"({"VNI":16777216,"VtepMAC":"c6:d2:32:6f:8f:44"})",
        R"({"VNI":1,"VtepMAC":"00:00:00:00:00:00"})", R"({"VNI":1,"VtepMAC":"ff:ff:ff:ff:ff:ff"})",
        R"({"VNI":1,"VtepMAC":"01:d2:32:6f:8f:44"})", R"({"VNI":1,"VtepMAC":"c6:d2"})",
        R"({"VNI":1,"VtepMAC":6})"}) {
    CAPTURE(bad);
    CHECK(contains(parse_failure([&] { VxlanLeaseData::parse(bad); }), "vxlan backend data: "));
  }
}

TEST_CASE("peer check: where the cluster assigns the subnets, and for lengths of another configuration") {
  const std::string text = R"({"Network":"10.5.0.0/16","SubnetLen":24})";
  const auto assigned = NetworkConfig::parse(text, NetworkConfig::Subnets::assigned);
  for (const char* name : {"10.5.2.0-24", "10.5.2.64-26", "10.5.64.0-18"})
    CHECK_FALSE(find_fault(lease(name, "192.168.1.2"), assigned, nullptr));
  CHECK(find_fault(lease("10.5.0.0-16", "192.168.1.2"), assigned, nullptr));
  auto changing = NetworkConfig::parse(text);
  changing.take_lengths_of(NetworkConfig::parse(R"({"Network":"10.5.0.0/16","SubnetLen":26})"));
  CHECK_FALSE(find_fault(lease("10.5.2.64-26", "192.168.1.2"), changing, nullptr));
  CHECK_FALSE(find_fault(lease("10.5.2.0-24", "192.168.1.2"), changing, nullptr));
  CHECK(find_fault(lease("10.5.2.0-25", "192.168.1.2"), changing, nullptr));
  CHECK(changing.ipv4->subnet_len == 24);
}

TEST_CASE("lease: what must not reach the kernel") {
  const auto config =
      NetworkConfig::parse(R"({"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:10::/48"})");
  Lease own = lease("10.5.1.0-24&fd00:10:0:1::-64", "192.168.1.1");
  own.attributes.public_ipv6 = ip("2001:db8::1");
  const struct {
    const char *name, *public_ip, *public_ipv6, *fault;
  } cases[] = {
      {"10.5.2.0-24", "192.168.1.2", "", ""},
      {"10.5.2.0-24&fd00:10:0:2::-64", "192.168.1.2", "2001:db8::2", ""},
      {"10.5.2.0-24&fd00:10:0:2::-64", "192.168.1.2", "", ""},
      {"0.0.0.0-0&fd00:10:0:2::-64", "0.0.0.0", "2001:db8::2", ""},
      {"10.5.64.0-24", "169.254.7.7", "", ""},
      {"10.5.64.0-18", "192.168.1.2", "",
       "10.5.64.0/18 has another length than the /24 of the network config"},
      {"10.5.2.0-25", "192.168.1.2", "", "has another length"},
      {"10.5.2.0-24&fd00:10:0:2::-80", "192.168.1.2", "2001:db8::2", "another length than the /64"},
      {"10.6.2.0-24", "192.168.1.2", "", "subnet 10.6.2.0/24 is not a part of the network 10.5.0.0/16"},
      {"10.5.0.0-16", "192.168.1.2", "", "is not a part of the network"},
      {"10.0.0.0-8", "192.168.1.2", "", "is not a part of the network"},
      {"0.0.0.0-1", "192.168.1.2", "", "is not a part of the network"},
      {"10.5.2.1-24", "192.168.1.2", "", "host bits"},
      {"10.5.1.0-24", "192.168.1.2", "", "overlaps this node's own 10.5.1.0/24"},
      {"10.5.2.0-24&fd00:10:0:1::-64", "192.168.1.2", "2001:db8::2", "overlaps this node's own fd00"},
      {"10.5.2.0-24&fd00:11:0:1::-64", "192.168.1.2", "2001:db8::2", "is not a part of the network fd00"},
      {"10.5.2.0-24", "192.168.1.1", "", "public IPv4 address 192.168.1.1 is this node's own"},
      {"10.5.2.0-24", "224.0.0.1", "", "multicast"},
      {"10.5.2.0-24", "127.0.0.1", "", "loopback"},
      {"10.5.2.0-24", "255.255.255.255", "", "broadcast"},
      {"10.5.2.0-24", "0.1.2.3", "", "not the address of a node"},
      {"10.5.2.0-24", "10.5.9.9", "", "lies in the pod network 10.5.0.0/16"},
      {"10.5.2.0-24&fd00:10:0:2::-64", "192.168.1.2", "fe80::1", "link-local"},
      {"10.5.2.0-24&fd00:10:0:2::-64", "192.168.1.2", "::1", "loopback"},
      {"10.5.2.0-24&fd00:10:0:2::-64", "192.168.1.2", "2001:db8::1", "is this node's own"},
  };
  for (const auto& test : cases) {
    CAPTURE(test.name);
    CAPTURE(test.public_ip);
    CAPTURE(test.public_ipv6);
    Lease peer = lease(test.name, test.public_ip);
    if (*test.public_ipv6 != '\0') peer.attributes.public_ipv6 = ip(test.public_ipv6);
    const std::string fault = find_fault(peer, config, &own).value_or("");
    CAPTURE(fault);
    CHECK(fault.empty() == (*test.fault == '\0'));
    CHECK(contains(fault, test.fault));
  }
}

TEST_CASE("lease: only families that the network has are looked at") {
  const auto config = NetworkConfig::parse(R"({"Network":"10.5.0.0/16"})");
  CHECK_FALSE(find_fault(lease("10.5.2.0-24&fc00::-7", "192.168.1.2"), config, nullptr));
  CHECK(find_fault(lease("0.0.0.0-0&fd00::-64", "192.168.1.2"), config, nullptr) ==
        "no subnet of a family that the network config enables");
}
