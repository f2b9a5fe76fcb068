#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "flanneld/lease/subnet_allocator.h"
#include "tests/unit/flanneld/test_support.h"

using flanneld::choose_subnets;
using flanneld::Lease;
using flanneld::NetworkConfig;
using flanneld::SubnetOrigin;
using flanneld::SubnetPlan;
using flanneld::SubnetRequest;
using namespace flanneld_test;

namespace {

const NetworkConfig kV4 = NetworkConfig::parse(R"({"Network":"10.5.0.0/16"})");
const NetworkConfig kDual =
    NetworkConfig::parse(R"({"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00::/48"})");
const NetworkConfig kV6 =
    NetworkConfig::parse(R"({"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00::/48"})");
const NetworkConfig kTiny = NetworkConfig::parse(R"({"Network":"10.5.0.0/28"})");

size_t first(size_t) { return 0; }
size_t last(size_t bound) { return bound - 1; }

SubnetRequest request(const std::string& previous = "") {
  SubnetRequest request;
  request.attributes.public_ip = ip("192.168.1.1");
  request.attributes.public_ipv6 = ip("2001:db8::1");
  if (!previous.empty()) request.previous = key(previous);
  return request;
}

/// "origin key", then what is obsolete and refused; "none" when out of subnets.
std::string text(const std::optional<SubnetPlan>& plan) {
  if (!plan) return "none";
  const char* origins[] = {"own", "kept", "fresh"};
  std::string out = std::string(origins[static_cast<int>(plan->origin)]) + " " + plan->key.format();
  for (const auto& key : plan->obsolete) out += " -" + key.format();
  for (const auto& reason : plan->refused) out += "; " + reason;
  return out;
}

}  // namespace

TEST_CASE("subnet choice: fresh ones") {
  CHECK(text(choose_subnets(kV4, {}, request(), first)) == "fresh 10.5.1.0-24");
  CHECK(text(choose_subnets(kV4, {}, request(), last)) == "fresh 10.5.100.0-24");  // of the first hundred
  SubnetRequest wider = request();
  wider.candidates = 200;
  CHECK(text(choose_subnets(kV4, {}, wider, last)) == "fresh 10.5.200.0-24");
  CHECK(text(choose_subnets(kDual, {}, request(), last)) == "fresh 10.5.100.0-24&fd00:0:0:64::-64");
  CHECK(text(choose_subnets(kV6, {}, request(), first)) == "fresh 0.0.0.0-0&fd00:0:0:1::-64");
  const std::vector<Lease> held{lease("10.5.2.0-23", "192.168.1.3"), lease("10.5.1.0-24", "192.168.1.2"),
                                lease("10.5.5.128-25", "192.168.1.4"), lease("10.5.2.0-24", "192.168.1.5")};
  CHECK(text(choose_subnets(kV4, held, request(), first)) == "fresh 10.5.4.0-24");
  CHECK(text(choose_subnets(kV4, held, request(), [](size_t) { return size_t{1}; })) == "fresh 10.5.6.0-24");
}

TEST_CASE("subnet choice: out of subnets") {
  std::vector<Lease> held{lease("10.5.0.4-30", "192.168.1.2"), lease("10.5.0.8-30", "192.168.1.3")};
  CHECK(text(choose_subnets(kTiny, held, request(), last)) == "fresh 10.5.0.12-30");
  held.push_back(lease("10.5.0.12-30", "192.168.1.4"));
  CHECK(text(choose_subnets(kTiny, held, request(), last)) == "none");
  // However large what is held: no walk over it.
  const auto wide = NetworkConfig::parse(
      R"({"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/7","IPv6SubnetLen":120})");
  const std::vector<Lease> halves{lease("0.0.0.0-0&fc00::-8", "0.0.0.0"),
                                  lease("0.0.0.0-0&fd00::-9", "0.0.0.0")};
  CHECK(text(choose_subnets(wide, halves, request(), first)) == "fresh 0.0.0.0-0&fc00::100-120");
  const std::vector<Lease> near{lease("0.0.0.0-0&fc00::-64", "0.0.0.0")};
  CHECK(text(choose_subnets(wide, near, request(), first)) == "fresh 0.0.0.0-0&fc00:0:0:1::-120");
}

TEST_CASE("subnet choice: the own lease is taken over") {
  std::vector<Lease> held{lease("10.5.7.0-24", "192.168.1.2"), lease("10.5.8.0-24", "192.168.1.1"),
                          lease("10.5.9.0-24", "192.168.1.1")};
  CHECK(text(choose_subnets(kV4, held, request(), first)) == "own 10.5.8.0-24");
  CHECK(text(choose_subnets(kV4, held, request("10.5.20.0-24"), first)) == "own 10.5.8.0-24");
  CHECK(text(choose_subnets(kV4, held, request("10.5.9.0-24"), first)) == "own 10.5.9.0-24");
  CHECK_FALSE(choose_subnets(kV4, held, request(), first)->reserved);
  held[1].expiry.reset();
  CHECK(choose_subnets(kV4, held, request(), first)->reserved);
}

TEST_CASE("subnet choice: without IPv4 the IPv6 address tells whose a lease is") {
  Lease other = lease("0.0.0.0-0&fd00:0:0:7::-64", "0.0.0.0");
  other.attributes.public_ipv6 = ip("2001:db8::7");
  Lease mine = lease("0.0.0.0-0&fd00:0:0:8::-64", "0.0.0.0");
  mine.attributes.public_ipv6 = ip("2001:db8::1");
  SubnetRequest v6_only;
  v6_only.attributes.public_ipv6 = ip("2001:db8::1");
  CHECK(text(choose_subnets(kV6, {other, mine}, v6_only, first)) == "own 0.0.0.0-0&fd00:0:0:8::-64");
  CHECK(text(choose_subnets(kV6, {other}, v6_only, first)) == "fresh 0.0.0.0-0&fd00:0:0:1::-64");
}

TEST_CASE("subnet choice: a node without IPv4 that holds the previous subnet is named by its IPv6 address") {
  Lease other = lease("0.0.0.0-0&fd00:0:0:7::-64", "0.0.0.0");
  other.attributes.public_ipv6 = ip("2001:db8::7");
  SubnetRequest v6_only;
  v6_only.attributes.public_ipv6 = ip("2001:db8::1");
  v6_only.previous = other.key;
  CHECK(text(choose_subnets(kV6, {other}, v6_only, first)) ==
        "fresh 0.0.0.0-0&fd00:0:0:1::-64; fd00:0:0:7::/64 is held by the node 2001:db8::7 as "
        "fd00:0:0:7::/64");
}

TEST_CASE("subnet choice: the previous subnet, if it still can be had") {
  const std::vector<Lease> held{lease("10.5.7.0-24", "192.168.1.2")};
  CHECK(text(choose_subnets(kV4, held, request("10.5.20.0-24"), first)) == "kept 10.5.20.0-24");
  CHECK(text(choose_subnets(kV4, held, request("10.5.7.0-24"), first)) ==
        "fresh 10.5.1.0-24; 10.5.7.0/24 is held by the node 192.168.1.2 as 10.5.7.0/24");
  CHECK(text(choose_subnets(kV4, held, request("10.9.7.0-24"), first)) ==
        "fresh 10.5.1.0-24; 10.9.7.0/24 is not one of the subnets of the network config");
  CHECK(text(choose_subnets(kDual, held, request("10.5.20.0-24&fd00:0:0:9::-64"), first)) ==
        "kept 10.5.20.0-24&fd00:0:0:9::-64");
  // Each family for itself: a node keeps its IPv4 subnet when the cluster turns to dual stack.
  CHECK(text(choose_subnets(kDual, held, request("10.5.20.0-24"), first)) ==
        "fresh 10.5.20.0-24&fd00:0:0:1::-64");
  CHECK(text(choose_subnets(kV4, held, request("10.5.20.0-24&fd00:0:0:9::-64"), first)) ==
        "kept 10.5.20.0-24");
}

TEST_CASE("subnet choice: a lease over more than a node may have keeps no node from its subnet") {
  std::vector<Lease> held{lease("0.0.0.0-1", "192.168.1.66"), lease("10.5.0.0-17", "192.168.1.67")};
  CHECK(text(choose_subnets(kV4, {held[1]}, request(), first)) == "fresh 10.5.128.0-24");  // where it can
  held.push_back(lease("10.5.1.0-24", "192.168.1.2"));
  CHECK(text(choose_subnets(kV4, held, request(), first)) == "fresh 10.5.2.0-24");
  CHECK(text(choose_subnets(kV4, held, request("10.5.7.0-24"), first)) == "kept 10.5.7.0-24");
}

TEST_CASE("subnet choice: an own lease that does not fit makes way, its subnets are kept if possible") {
  const std::vector<Lease> held{lease("10.5.8.0-24", "192.168.1.1")};
  CHECK(text(choose_subnets(kDual, held, request(), first)) ==
        "fresh 10.5.8.0-24&fd00:0:0:1::-64 -10.5.8.0-24");
  const std::vector<Lease> dual{lease("10.5.8.0-24&fd00:0:0:8::-64", "192.168.1.1")};
  CHECK(text(choose_subnets(kV4, dual, request(), first)) == "kept 10.5.8.0-24 -10.5.8.0-24&fd00:0:0:8::-64");
  const std::vector<Lease> longer{lease("10.5.1.0-25", "192.168.1.1")};
  CHECK(text(choose_subnets(kV4, longer, request(), first)) ==
        "kept 10.5.1.0-24 -10.5.1.0-25; 10.5.1.0/25 becomes 10.5.1.0/24, as the network config has it");
  const std::vector<Lease> wider{lease("10.5.2.0-23", "192.168.1.1")};
  CHECK(text(choose_subnets(kV4, wider, request(), first)) ==
        "kept 10.5.2.0-24 -10.5.2.0-23; 10.5.2.0/23 becomes 10.5.2.0/24, as the network config has it");
  const std::vector<Lease> beside{lease("10.5.1.0-25", "192.168.1.1"), lease("10.5.1.128-25", "192.168.1.2")};
  CHECK(text(choose_subnets(kV4, beside, request(), first)) ==
        "fresh 10.5.2.0-24 -10.5.1.0-25; 10.5.1.0/25 is not one of the subnets of the network config");
  const std::vector<Lease> middle{lease("10.5.1.128-25", "192.168.1.1")};
  CHECK(text(choose_subnets(kV4, middle, request(), first)) ==
        "fresh 10.5.1.0-24 -10.5.1.128-25; 10.5.1.128/25 is not one of the subnets of the network config");
}

TEST_CASE("subnet choice: a node with a new address keeps its subnet by its backend data") {
  const auto config = NetworkConfig::parse(R"({"Network": "10.5.0.0/16"})");
  const std::string data = R"({"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"})";
  const std::vector<Lease> leases{lease("10.5.7.0-24", "192.168.1.10", data),
                                  lease("10.5.8.0-24", "192.168.1.11", "{}")};
  SubnetRequest request;
  request.attributes = leases.front().attributes;
  request.attributes.public_ip = ip("192.168.1.12");
  request.attributes.backend_data.clear();
  request.previous = key("10.5.7.0-24");
  const auto random = [](size_t) { return size_t{0}; };
  CHECK(choose_subnets(config, leases, request, random)->origin == SubnetOrigin::fresh);
  request.attributes.backend_data = data;
  const auto plan = choose_subnets(config, leases, request, random);
  REQUIRE(plan);
  CHECK(plan->key == key("10.5.7.0-24"));
  CHECK(plan->origin == SubnetOrigin::own_lease);
  request.previous = key("10.5.8.0-24");  // another node's data
  CHECK(choose_subnets(config, leases, request, random)->origin == SubnetOrigin::fresh);
}

TEST_CASE("subnet choice: a node knows by its content what it published under another address") {
  const std::vector<Lease> leases{lease("10.5.7.0-24", "192.168.1.10")};
  SubnetRequest moved = request("10.5.7.0-24");
  CHECK(choose_subnets(kV4, leases, moved, first)->origin == SubnetOrigin::fresh);
  moved.published = leases.front().attributes;
  CHECK(text(choose_subnets(kV4, leases, moved, first)) == "own 10.5.7.0-24");
  moved.published->backend_type = "host-gw";  // another node has written there since
  CHECK(choose_subnets(kV4, leases, moved, first)->origin == SubnetOrigin::fresh);
}
