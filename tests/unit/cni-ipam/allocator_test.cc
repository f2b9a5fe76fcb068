// The allocator over a store in memory: the checklist of host-local's allocator_test.go.
#include <doctest/doctest.h>

#include "cni-ipam/allocator.h"
#include "cni-ipam/store/lease_mark.h"
#include "tests/unit/cni-ipam/test_support.h"

using ipam::RangeSet;
using ipam::Requested;
using namespace ipam_test;

namespace {

RangeSet set_of(std::initializer_list<const char*> subnets) {
  RangeSet set;
  for (const char* subnet : subnets) set.push_back(ipam::make_range({net(subnet), {}, {}, {}}));
  return set;
}

/// Takes one address; "address/prefix via gateway" of each.
std::string take(FakeStore& store, const std::vector<RangeSet>& sets, const std::string& id = "id",
                 const std::vector<Requested>& requested = {}) {
  std::string text;
  for (const auto& one : ipam::allocate(sets, requested, {id, "eth0"}, store))
    text += (text.empty() ? "" : " ") + one.address.str();
  return text;
}

struct Case {
  std::initializer_list<const char*> subnets;
  std::initializer_list<const char*> taken;
  const char* last;
  const char* expected;
};

}  // namespace

TEST_CASE("allocate gives the address behind the last one") {
  for (const Case& one : {
           Case{{"10.0.0.0/29"}, {}, "", "10.0.0.2/29"},
           Case{{"2001:db8:1::/64"}, {}, "", "2001:db8:1::2/64"},
           Case{{"10.0.0.0/30"}, {}, "", "10.0.0.2/30"},
           Case{{"10.0.0.0/29"}, {"10.0.0.2"}, "", "10.0.0.3/29"},
           Case{{"10.0.0.0/29"}, {}, "10.0.0.5", "10.0.0.6/29"},
           Case{{"10.0.0.0/29"}, {"10.0.0.4", "10.0.0.5"}, "10.0.0.3", "10.0.0.6/29"},
           Case{{"10.0.0.0/29"}, {}, "10.0.0.6", "10.0.0.2/29"},
           Case{{"10.0.0.0/29"}, {}, "10.0.0.128", "10.0.0.2/29"},
           Case{{"10.0.0.0/29"}, {"10.0.0.5"}, "10.0.0.4", "10.0.0.6/29"},
           Case{{"10.0.0.0/29"}, {"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.6"}, "10.0.0.5", "10.0.0.5/29"},
           Case{{"10.0.0.0/30", "10.0.1.0/30"}, {}, "", "10.0.0.2/30"},
           Case{{"10.0.0.0/30", "10.0.1.0/30"}, {"10.0.0.2"}, "", "10.0.1.2/30"},
           Case{{"10.0.0.0/30", "10.0.1.0/30"}, {}, "10.0.0.2", "10.0.1.2/30"},
           Case{{"10.0.0.0/30", "10.0.1.0/30"}, {}, "10.0.1.2", "10.0.0.2/30"},
           Case{{"10.0.0.0/30", "10.0.1.0/30", "10.0.2.0/30"}, {"10.0.0.2"}, "10.0.2.2", "10.0.1.2/30"},
       }) {
    FakeStore store;
    for (const char* address : one.taken) store.taken[ip(address)] = "other\r\neth0";
    if (*one.last) store.cursors.emplace(0, ip(one.last));
    CAPTURE(one.expected);
    CHECK(take(store, {set_of(one.subnets)}) == one.expected);
    CHECK(store.cursors.at(0) == net(one.expected).address);
  }
}

TEST_CASE("a /29 has five addresses, and a released one comes back last") {
  FakeStore store;
  const std::vector<RangeSet> sets{set_of({"10.0.0.0/29"})};
  for (const char* expected : {"10.0.0.2/29", "10.0.0.3/29", "10.0.0.4/29", "10.0.0.5/29"})
    CHECK(take(store, sets, expected) == expected);
  store.taken.erase(ip("10.0.0.2"));
  CHECK(take(store, sets, "e") == "10.0.0.6/29");
  CHECK(take(store, sets, "f") == "10.0.0.2/29");
  CHECK(error_of([&] { take(store, sets, "g"); }) ==
        "11 failed to allocate for range 0: no IP addresses available in range set: 10.0.0.1-10.0.0.6");
  CHECK(details_of([&] {
          take(store, sets, "g");
        }).find("the range set has 5 addresses, 5 of them held by 5 containers") == 0);
}

TEST_CASE("allocate looks for what others gave back before it gives up") {
  FakeStore store;
  const std::vector<RangeSet> sets{set_of({"10.0.0.0/29"})};
  for (const char* id : {"a", "b", "c", "d", "e"}) take(store, sets, id);
  store.given_back.insert(ip("10.0.0.4"));
  CHECK(take(store, sets, "f") == "10.0.0.4/29");
  CHECK(error_of([&] { take(store, sets, "g"); }).starts_with("11 "));
}

TEST_CASE("a full range set is an error with its figures") {
  for (const auto& set :
       {set_of({"10.0.0.0/30"}), set_of({"10.0.0.0/29"}), set_of({"10.0.0.0/30", "10.0.1.0/30"})}) {
    FakeStore store;
    for (uint64_t i = 0; i < set[0].size() * set.size(); ++i) take(store, {set}, "id" + std::to_string(i));
    CHECK(contains(error_of([&] { take(store, {set}, "more"); }),
                   "no IP addresses available in range set: " + ipam::to_string(set)));
  }
}

TEST_CASE("allocate goes on when a free address turns out to be taken") {
  FakeStore store;
  store.lying = {ip("10.0.0.2"), ip("10.0.0.3")};
  CHECK(take(store, {set_of({"10.0.0.0/29"})}) == "10.0.0.4/29");
  store.lying = {ip("10.0.0.2"), ip("10.0.0.3"), ip("10.0.0.5"), ip("10.0.0.6")};
  CHECK(
      contains(error_of([&] { take(store, {set_of({"10.0.0.0/29"})}, "b"); }), "no IP addresses available"));
}

TEST_CASE("allocate gives a requested address, or the error that fits") {
  FakeStore store;
  const std::vector<RangeSet> sets{
      {ipam::make_range({net("10.0.0.0/29"), ip("10.0.0.2"), ip("10.0.0.5"), {}})}};
  CHECK(take(store, sets, "a", {{ip("10.0.0.5")}}) == "10.0.0.5/29");
  const auto taken = [&] { take(store, sets, "b", {{ip("10.0.0.5")}}); };
  CHECK(error_of(taken) ==
        "101 failed to allocate for range 0: requested IP address 10.0.0.5 is not available in range set "
        "10.0.0.2-10.0.0.5");
  CHECK(details_of(taken) == "it is held by container 'a', interface 'eth0'");
  CHECK(error_of([&] { take(store, sets, "b", {{ip("10.0.0.6")}}); }) ==
        "7 failed to allocate all requested IPs: 10.0.0.6");
  CHECK(error_of([&] {
          take(store, sets, "b", {{ip("10.0.0.1"), cni::ErrorCode::invalid_environment}});
        }) == "4 failed to allocate all requested IPs: 10.0.0.1");
  CHECK(store.taken.size() == 1);
  const std::vector<RangeSet> whole{set_of({"10.0.0.0/29"})};
  CHECK(error_of([&] { take(store, whole, "b", {{ip("10.0.0.1")}}); }) ==
        "7 failed to allocate for range 0: requested ip 10.0.0.1 is subnet's gateway");
}

TEST_CASE("several requested addresses serve one range set each, in their order") {
  const std::vector<RangeSet> sets{set_of({"10.0.0.0/24", "10.0.1.0/24"}), set_of({"fd00::/64"})};
  FakeStore store;
  CHECK(take(store, sets, "a", {{ip("fd00::7")}, {ip("10.0.1.9")}}) == "10.0.1.9/24 fd00::7/64");
  CHECK(error_of([&] {
          take(store, sets, "b", {{ip("10.0.0.20")}, {ip("10.0.1.21")}, {ip("10.0.0.22")}});
        }) == "7 failed to allocate all requested IPs: 10.0.1.21 10.0.0.22");
  CHECK(store.taken.size() == 2);
  CHECK(store.cursors.at(0) == ip("10.0.1.9"));
}

TEST_CASE("a second allocation for an attachment is refused and changes nothing") {
  const std::vector<RangeSet> sets{set_of({"10.0.0.0/24"}), set_of({"fd00::/64"})};
  FakeStore store;
  take(store, sets, "a");
  take(store, sets, "b");
  const auto before = store.taken;
  CHECK(error_of([&] { take(store, sets, "a"); }) ==
        "101 10.0.0.2 has been allocated to a, duplicate allocation is not allowed");
  CHECK(contains(error_of([&] { take(store, sets, "a", {{ip("10.0.0.99")}}); }), "duplicate allocation"));
  // The second set is new: the first must not be taken and given back on the way.
  CHECK(contains(error_of([&] {
                   take(store, {set_of({"10.9.0.0/24"}), set_of({"fd00::/64"})}, "a");
                 }),
                 "duplicate allocation"));
  CHECK(store.taken == before);
  store.taken[ip("10.0.0.50")] = "old";  // as a host-local of long ago
  CHECK(contains(error_of([&] { take(store, sets, "old"); }), "10.0.0.50 has been allocated"));
  // What it holds outside of these ranges is another matter, as in the reference.
  CHECK(take(store, {set_of({"10.8.0.0/24"})}, "a") == "10.8.0.2/24");
}

TEST_CASE("a later range set's failure gives back the addresses of this call only") {
  const std::vector<RangeSet> sets{set_of({"10.0.0.0/24"}), set_of({"10.1.0.0/30"})};
  FakeStore store;
  take(store, sets, "a");
  const auto before = store.taken;
  const auto cursors = store.cursors;
  CHECK(contains(error_of([&] { take(store, sets, "b"); }),
                 "11 failed to allocate for range 1: no IP addresses"));
  CHECK(store.taken == before);
  CHECK(store.cursors == cursors);
}

TEST_CASE("an allocation has the gateway and the prefix length of its range") {
  FakeStore store;
  const auto got = ipam::allocate(
      {{ipam::make_range({net("10.0.0.0/16"), ip("10.0.7.0"), ip("10.0.7.9"), ip("10.0.0.9")})}}, {},
      {"a", "eth0"}, store);
  REQUIRE(got.size() == 1);
  CHECK(got[0].address.str() == "10.0.7.0/16");
  CHECK(got[0].gateway == ip("10.0.0.9"));
}

TEST_CASE("marks and figures are told in words") {
  CHECK(ipam::describe_mark("abc\r\neth0") == "container 'abc', interface 'eth0'");
  CHECK(ipam::describe_mark("abc") == "container 'abc'");
  CHECK(ipam::describe_exhaustion({.addresses = 1, .held = 1, .containers = 1}, {})
            .starts_with("the range set has 1 address, 1 of them held by 1 container; "));
  CHECK(ipam::describe_exhaustion({.addresses = 5, .held = 5, .containers = 2}, {"c1", "c2"})
            .starts_with(
                "the range set has 5 addresses, 5 of them held by 2 containers (among them c1, c2); "));
}
