// Configuration of flannel-ipam: the checklist of host-local's config_test.go and dns_test.go.
#include <doctest/doctest.h>

#include "cni-ipam/conf.h"
#include "cni-ipam/resolv_conf.h"
#include "tests/unit/cni-ipam/test_support.h"

using namespace ipam_test;

namespace {

std::string ranges(const std::string& ipam, const std::string& more = "",
                   const std::string& version = "1.0.0") {
  std::string text;
  for (const auto& set : ipam::parse_ranges(Node().request("id", ipam, more, version)))
    text += (text.empty() ? "" : " | ") + ipam::to_string(set);
  return text;
}

std::string range_error(const std::string& ipam, const std::string& more = "",
                        const std::string& version = "1.0.0") {
  return error_of([&] { ranges(ipam, more, version); });
}

std::string wishes(const std::string& more, const std::string& args = "") {
  cni::Request request = Node().request("id", "", more);
  request.args = args;
  std::string text;
  for (const auto& one : ipam::parse_requested(request))
    text += (text.empty() ? "" : " ") + one.address.str();
  return text;
}

}  // namespace

TEST_CASE("range sets come from runtimeConfig, the short form and ipam.ranges, in this order") {
  CHECK(
      ranges(
          R"("subnet":"10.1.2.0/24","rangeStart":"10.1.2.9","rangeEnd":"10.1.2.20","gateway":"10.1.2.30")") ==
      "10.1.2.9-10.1.2.20");
  CHECK(
      ranges(R"("ranges":[[{"subnet":"10.1.2.0/24"},{"subnet":"10.1.4.0/24"}],[{"subnet":"fd00::/64"}]])") ==
      "10.1.2.1-10.1.2.254,10.1.4.1-10.1.4.254 | fd00::1-fd00::ffff:ffff:ffff:ffff");
  CHECK(ranges(R"("subnet":"10.1.2.0/24","ranges":[[{"subnet":"10.1.3.0/24"}]])",
               R"("runtimeConfig":{"ipRanges":[[{"subnet":"10.1.1.0/24"}]]})") ==
        "10.1.1.1-10.1.1.254 | 10.1.2.1-10.1.2.254 | 10.1.3.1-10.1.3.254");
}

TEST_CASE("reads containerd's capitalised keys with empty strings") {
  CHECK(
      ranges(
          "",
          R"("runtimeConfig":{"ipRanges":[[{"Subnet":"10.1.1.0/24","RangeStart":"","RangeEnd":"","Gateway":""}]]})") ==
      "10.1.1.1-10.1.1.254");
}

TEST_CASE("an error in the configuration names key and cause") {
  CHECK(range_error("") == "7 no IP ranges specified");
  CHECK(range_error(R"("ranges":[])") == "7 no IP ranges specified");
  CHECK(range_error(R"("ranges":[[]])") == "7 invalid range set 0: empty range set");
  CHECK(range_error(R"("ranges":[null])") == "7 invalid range set 0: empty range set");
  CHECK(range_error(R"("ranges":[[{}]])") == "7 key 'ipam.ranges[0][0].subnet' is missing");
  CHECK(range_error(R"("ranges":[[{"subnet":"10.1.2.0"}]])") ==
        "7 key 'ipam.ranges[0][0].subnet': '10.1.2.0' is not a subnet");
  CHECK(range_error(R"("subnet":"::ffff:10.0.0.0/24")") ==
        "7 key 'ipam.subnet': '::ffff:10.0.0.0/24' is not a subnet");
  CHECK(range_error(R"("ranges":[[{"subnet":"10.1.2.0/32"}]])") ==
        "7 ipam.ranges[0][0]: network 10.1.2.0/32 too small to allocate from");
  CHECK(range_error(R"("subnet":"10.1.2.0/24","gateway":"x")") ==
        "7 key 'ipam.gateway': 'x' is not an IP address");
  CHECK(range_error(R"("rangeStart":"10.1.2.3","gateway":"10.1.2.1")") ==
        "7 'ipam.rangeStart', 'ipam.gateway' given without 'ipam.subnet'");
  CHECK(range_error(R"("subnet":5)") == "6 key 'ipam.subnet' must be a string, not number");
  CHECK(range_error(R"("ranges":[{}])") == "6 key 'ipam.ranges[0]' must be an array, not object");
  CHECK(range_error(R"("ranges":[["x"]])") == "6 key 'ipam.ranges[0][0]' must be an object, not string");
  CHECK(range_error(R"("ranges":[[null]])") == "6 key 'ipam.ranges[0][0]' must be an object, not null");
  CHECK(range_error(R"("ranges":[[{"subnet":"10.1.0.0/16"},{"subnet":"10.1.2.0/24"}]])") ==
        "7 invalid range set 0: subnets 10.1.0.1-10.1.255.254 and 10.1.2.1-10.1.2.254 overlap");
  CHECK(range_error(R"("ranges":[[{"subnet":"10.1.0.0/16"},{"subnet":"fd00::/64"}]])") ==
        "7 invalid range set 0: mixed address families");
  CHECK(range_error(R"("ranges":[[{"subnet":"10.1.0.0/16"}],[{"subnet":"10.1.2.0/24"}]])") ==
        "7 range set 0 overlaps with 1");
  cni::Request request = Node().request("id", "");
  json::erase(request.config, "ipam");
  CHECK(error_of([&] { ipam::parse_ranges(request); }) == "7 IPAM config missing 'ipam' key");
}

TEST_CASE("allows a gateway outside the subnet") {
  CHECK(ranges(R"("subnet":"10.1.2.0/30","gateway":"192.168.0.1")") == "10.1.2.1-10.1.2.2");
}

TEST_CASE("refuses two addresses of one family before 0.3.0") {
  const std::string two = R"("ranges":[[{"subnet":"10.1.1.0/24"}],[{"subnet":"10.1.2.0/24"}]])";
  CHECK(range_error(two, "", "0.2.0") ==
        "7 CNI version 0.2.0 does not support more than 1 address per family");
  CHECK(range_error(two, "", "0.1.0") != "");
  CHECK(range_error(two, "", "0.3.0") == "");
  CHECK(range_error(R"("ranges":[[{"subnet":"10.1.1.0/24"}],[{"subnet":"fd00::/64"}]])", "", "0.2.0") == "");
}

TEST_CASE("bounds the number of ranges and the length of a path") {
  std::string many;
  for (int i = 0; i < 1100; ++i)
    many += std::string(many.empty() ? "" : ",") + R"([{"subnet":"10.)" + std::to_string(i / 200) + "." +
            std::to_string(i % 200) + R"(.0/24"}])";
  CHECK(range_error("\"ranges\":[" + many + "]") == "7 more than 1024 ranges");
}

TEST_CASE("requested addresses come from CNI_ARGS, args and runtimeConfig, each once") {
  CHECK(wishes("") == "");
  CHECK(wishes("", "IP=10.1.2.9") == "10.1.2.9");
  CHECK(wishes("", "IP=10.1.2.9/24") == "10.1.2.9");
  CHECK(wishes("", "IP=") == "");
  CHECK(wishes("", "K8S_POD_UID=1-2;IgnoreUnknown=1;IP=10.1.2.9;K8S_POD_NAME=x") == "10.1.2.9");
  CHECK(
      wishes(
          R"("args":{"cni":{"ips":["10.1.2.11/24","fd00::5"]}},"runtimeConfig":{"ips":["10.1.2.12","fd00::6/64"]})",
          "IP=10.1.2.10") == "10.1.2.10 10.1.2.11 fd00::5 10.1.2.12 fd00::6");
  CHECK(wishes(R"("runtimeConfig":{"ips":["10.1.2.10/24"]})", "IP=10.1.2.10") == "10.1.2.10");
  CHECK(error_of([] { wishes("", "IP=10.1.2"); }) == "4 CNI_ARGS: IP: '10.1.2' is not an IP address");
  CHECK(error_of([] { wishes("", "IP=10.1.2.3/99"); }) != "");
  CHECK(contains(error_of([] { wishes("", "K8S_POD_UID=1"); }), "4 CNI_ARGS: unknown keys: K8S_POD_UID"));
  CHECK(error_of([] { wishes(R"("args":{"cni":{"ips":[""]}})"); }) ==
        "7 args.cni.ips: '' is not an IP address");
  CHECK(error_of([] { wishes(R"("args":{"cni":{"ips":[null]}})"); }).find("6 ") == 0);
  CHECK(error_of([] { wishes(R"("runtimeConfig":{"ips":"10.1.2.3"})"); }).find("6 ") == 0);
}

TEST_CASE("finds the store when the ranges are invalid") {
  Node node;
  CHECK(ipam::store_directory(node.request("id", R"("subnet":"broken","ranges":5)")) == node.store);
  cni::Request request = node.request("id", "");
  request.config = json::parse(R"({"ipam":{}})", "test");
  CHECK(ipam::store_directory(request) == "/var/lib/cni/networks/net1");
  request.config = json::parse(R"({"ipam":{"dataDir":"/x//"}})", "test");
  CHECK(ipam::store_directory(request) == "/x/net1");
  request.config = json::parse("{\"ipam\":{\"dataDir\":\"/x\\u0000y\"}}", "test");
  CHECK(error_of([&] { ipam::store_directory(request); }).find("7 ") == 0);
  request.config = json::parse("{\"ipam\":{\"dataDir\":\"/" + std::string(5000, 'x') + "\"}}", "test");
  CHECK(error_of([&] { ipam::store_directory(request); }).find("7 ") == 0);
  request.config = json::parse("{}", "test");
  request.network = "../x";
  CHECK(error_of([&] { ipam::store_directory(request); }).find("7 ") == 0);
}

TEST_CASE("copies routes of the configuration") {
  const auto routes = ipam::parse_routes(Node().request(
      "id", R"("routes":[{"dst":"0.0.0.0/0"},{"dst":"fd00::/8","gw":"fd00::1","mtu":1400,"table":5}])"));
  REQUIRE(routes.size() == 2);
  CHECK(routes[1].gw == ip("fd00::1"));
  CHECK(routes[1].table == 5);
  CHECK(error_of([] { ipam::parse_routes(Node().request("id", R"("routes":[{"dst":"10.0.0.1"}])")); }) != "");
}

TEST_CASE("resolv.conf gives nameservers, domain, search and options, whatever else it holds") {
  const cni::Dns dns = ipam::parse_resolv_conf(
      "; comment\n# nameserver 9.9.9.9\n  nameserver 192.0.2.2  \n\nnameserver\t192.0.2.3 extra\r\n"
      "domain one.example\ndomain two.example\nsearch a.example b.example\nsearch c.example\n"
      "options ndots:5 rotate\noptions\noptions edns0\nsortlist 130.155.0.0\nnameserver");
  CHECK(dns.nameservers == std::vector<std::string>{"192.0.2.2", "192.0.2.3"});
  CHECK(dns.domain == "two.example");
  CHECK(dns.search == std::vector<std::string>{"a.example", "b.example", "c.example"});
  CHECK(dns.options == std::vector<std::string>{"ndots:5", "rotate", "edns0"});
  CHECK(ipam::parse_resolv_conf("").empty());
  CHECK(error_of([] { ipam::read_resolv_conf("/nowhere/resolv.conf"); }) ==
        "5 read ipam.resolvConf: there is no file '/nowhere/resolv.conf'");
  CHECK(error_of([] { ipam::read_resolv_conf("/tmp"); }).find("5 ") == 0);
}
