#include "cni-flannel/hostport/mappings.h"

#include <doctest/doctest.h>
#include <netinet/in.h>

#include <string>

#include "common/cni/error.h"
#include "tests/support/addresses.h"

using namespace flannel::hostport;
using base::Family;
using test::ip;

namespace {

cni::Request request_of(const std::string& config) {
  cni::Request request;
  request.attachment = {.container_id = "c1", .ifname = "eth0"};
  request.config = json::parse(config, "test");
  return request;
}

Conf parse(const std::string& config) { return parse_conf(request_of(config)); }

std::string failure(const std::string& config) {
  try {
    static_cast<void>(parse(config));
  } catch (const cni::Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("host ports: mappings are read whatever the case of their keys, each once") {
  const Conf conf = parse(R"({"runtimeConfig": {"portMappings": [
      {"HostPort": 8080, "ContainerPort": 80, "Protocol": "TCP"},
      {"hostPort": 8080, "containerPort": 80},
      {"hostPort": 53, "containerPort": 53, "protocol": "udp", "hostIP": "192.0.2.1"},
      {"hostPort": 9, "containerPort": 9, "protocol": "sctp", "hostIP": "::"}]}})");
  REQUIRE(conf.mappings.size() == 3);
  CHECK(conf.mappings[0] == Mapping{IPPROTO_TCP, 8080, 80, std::nullopt});
  CHECK(conf.mappings[0].str() == "tcp port 8080");
  CHECK(conf.mappings[1].str() == "udp port 53 of 192.0.2.1");
  CHECK(conf.snat);
  // An address of one family is for that family's address of the pod, an unspecified one for all of them.
  CHECK(conf.mappings_for(Family::v4).size() == 2);
  REQUIRE(conf.mappings_for(Family::v6).size() == 2);
  CHECK(conf.mappings_for(Family::v6)[1] == Mapping{IPPROTO_SCTP, 9, 9, std::nullopt});
}

TEST_CASE("host ports: conditions in the words of both tools mean the same") {
  const Condition within{
      .kind = Condition::Kind::source, .is = true, .net = {ip("192.0.2.0"), 24}, .interface = {}};
  for (const char* words :
       {R"(["-s", "192.0.2.0/24"])", R"(["--source 192.0.2.0/24"])", R"(["--src", "192.0.2.0/24"])",
        R"(["ip saddr 192.0.2.0/24"])", R"(["ip", "saddr", "==", "192.0.2.0/24"])"})
    CHECK(parse(fmt::format(R"({{"conditionsV4": {}}})", words)).conditions_v4 == std::vector{within});
  for (const char* words : {R"(["!", "-i", "cni0"])", R"(["-i ! cni0"])", R"(["iifname != \"cni0\""])"}) {
    const auto conditions = parse(fmt::format(R"({{"conditionsV6": {}}})", words)).conditions_v6;
    REQUIRE(conditions.size() == 1);
    CHECK(conditions[0].kind == Condition::Kind::input_interface);
    CHECK_FALSE(conditions[0].is);
    CHECK(conditions[0].interface == "cni0");
    CHECK_FALSE(conditions[0].is_prefix);
  }
  for (const char* words : {R"(["-i", "eth+"])", R"(["iifname", "eth*"])", R"(["iifname \"eth*\""])"}) {
    const auto conditions = parse(fmt::format(R"({{"conditionsV4": {}}})", words)).conditions_v4;
    REQUIRE(conditions.size() == 1);
    CHECK(conditions[0].interface == "eth");
    CHECK(conditions[0].is_prefix);
  }
  CHECK(parse(R"({"conditionsV4": ["iifname", "eth+"]})").conditions_v4[0].interface == "eth+");
  const auto two =
      parse(R"({"conditionsV4": ["-s", "192.0.2.1", "!", "-d", "198.51.100.0/24"]})").conditions_v4;
  REQUIRE(two.size() == 2);
  CHECK(two[0].net.prefix == 32);
  CHECK(two[1].kind == Condition::Kind::destination);
}

TEST_CASE("host ports: what is no condition is named") {
  CHECK(failure(R"({"conditionsV4": ["-m", "mark"]})") == "'conditionsV4': '-m' is not understood");
  CHECK(failure(R"({"conditionsV4": ["!"]})") == "'conditionsV4' ends where a test should follow");
  CHECK(failure(R"({"conditionsV4": ["-s", "fd00::/8"]})") ==
        "'conditionsV4': 'fd00::/8' is no address or network of that family");
  CHECK(failure(R"({"conditionsV4": ["-i", "+"]})") == "'conditionsV4': interface name '' is empty");
  CHECK(failure(R"({"conditionsV6": ["-i", "a/b"]})").starts_with("'conditionsV6': interface name 'a/b'"));
}

TEST_CASE("host ports: the pod's addresses are those of its interface, the first of each family") {
  cni::Result result;
  result.interfaces.resize(3);
  result.interfaces[1] = {
      .name = "eth0", .mac = {}, .mtu = 0, .sandbox = "/run/netns/a", .socket_path = {}, .pci_id = {}};
  result.ips = {{.address = {ip("10.0.0.1"), 24}, .gateway = {}, .interface = 0},
                {.address = {ip("fd00::2"), 64}, .gateway = {}, .interface = 1},
                {.address = {ip("10.0.0.2"), 24}, .gateway = {}, .interface = 1},
                {.address = {ip("10.0.0.3"), 24}, .gateway = {}, .interface = {}}};
  CHECK(pod_addresses(request_of("{}"), result) == std::vector{ip("10.0.0.2"), ip("fd00::2")});
}
