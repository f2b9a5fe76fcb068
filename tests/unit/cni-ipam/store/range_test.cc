// Ranges and range sets: the checklist of host-local's range_test.go and range_set_test.go.
#include <doctest/doctest.h>

#include "cni-ipam/store/range.h"
#include "tests/unit/cni-ipam/test_support.h"

using ipam::Range;
using ipam::RangeSet;
using namespace ipam_test;

namespace {

Range range(const std::string& subnet, const std::string& start = "", const std::string& end = "",
            const std::string& gateway = "") {
  ipam::RangeSpec spec;
  spec.subnet = net(subnet);
  if (!start.empty()) spec.start = ip(start);
  if (!end.empty()) spec.end = ip(end);
  if (!gateway.empty()) spec.gateway = ip(gateway);
  return ipam::make_range(spec);
}

/// The addresses of a turn, space separated.
std::string visited(const RangeSet& set, const std::string& last) {
  std::string text;
  for (const ipam::Interval& interval : ipam::full_turn(set, base::IpAddress::parse(last)))
    for (base::IpAddress at = interval.first;; at = at.next()) {
      text += (text.empty() ? "" : " ") + at.str();
      if (at == interval.last) break;
    }
  return text;
}

}  // namespace

TEST_CASE("a range begins behind the network address and ends before the broadcast address") {
  const Range v4 = range("192.0.2.0/24");
  CHECK(v4.str() == "192.0.2.1-192.0.2.254");
  CHECK(v4.gateway == ip("192.0.2.1"));
  CHECK(v4.size() == 253);
  CHECK(range("192.0.2.0/25").last == ip("192.0.2.126"));
  const Range v6 = range("2001:db8:1::/64");
  CHECK(v6.str() == "2001:db8:1::1-2001:db8:1:0:ffff:ffff:ffff:ffff");
  CHECK(v6.gateway == ip("2001:db8:1::1"));
}

TEST_CASE("the size of a range saturates") {
  CHECK(range("::/0").size() == UINT64_MAX);
  CHECK(range("fd00::/64").size() == UINT64_MAX - 1);
  CHECK(range("0.0.0.0/0").size() == 0xfffffffd);
  CHECK(range("10.0.0.0/30").size() == 1);
  CHECK(range("10.0.0.0/30", "", "", "192.168.9.9").size() == 2);  // a gateway elsewhere costs nothing
}

TEST_CASE("an IPv6 range stays one at the IPv4-mapped addresses") {
  const Range low = range("::1.2.3.0/120");
  CHECK(low.str() == "::102:301-::102:3ff");
  CHECK(visited({range("::1.2.3.0/126")}, "") == "::102:302 ::102:303");
}

TEST_CASE("a network of two addresses gives the one that is not the gateway") {
  CHECK(range("192.0.2.0/31").str() == "192.0.2.0-192.0.2.1");
  CHECK(range("192.0.2.0/31").gateway == ip("192.0.2.1"));
  CHECK(range("fd00::2/127").str() == "fd00::2-fd00::3");
  CHECK(visited({range("192.0.2.0/31")}, "") == "192.0.2.0");
  CHECK(visited({range("192.0.2.4/31", "", "", "192.0.2.4")}, "") == "192.0.2.5");
  CHECK(visited({range("fd00::/127")}, "fd00::") == "fd00::");
  CHECK(visited({range("fd00::/127", "", "", "fe80::1")}, "") == "fd00:: fd00::1");
  CHECK(range("192.0.2.0/31").size() == 1);
}

TEST_CASE("a subnet with host bits is refused, and the right one named") {
  CHECK(error_of([] { range("192.0.2.7/24"); }) == "7 network 192.0.2.7/24 has host bits set");
  CHECK(contains(details_of([] { range("192.0.2.7/24"); }), "network address is 192.0.2.0"));
  CHECK(contains(details_of([] { range("192.0.3.0/23"); }), "192.0.2.0"));
  CHECK(contains(details_of([] { range("2001:db8:1::24:19ff:fee1:c44a/64"); }), "2001:db8:1::"));
  CHECK(contains(details_of([] { range("2001:db8:1::/31"); }), "2001:db8::"));
  CHECK(error_of([] { range("192.0.2.0/32"); }) == "7 network 192.0.2.0/32 too small to allocate from");
  CHECK(error_of([] { range("fd00::/128"); }) != "");
  CHECK(error_of([] { range("192.0.2.0/30"); }) == "");
}

TEST_CASE("start and end must lie in the subnet, in their order") {
  CHECK(error_of([] { range("192.0.2.0/24", "192.0.3.0"); }) ==
        "7 rangeStart 192.0.3.0 not in network 192.0.2.0/24");
  CHECK(error_of([] { range("192.0.2.0/24", "", "192.0.4.0"); }) ==
        "7 rangeEnd 192.0.4.0 not in network 192.0.2.0/24");
  CHECK(error_of([] { range("192.0.2.0/24", "192.0.2.50", "192.0.2.40"); }) ==
        "7 rangeStart 192.0.2.50 is after rangeEnd 192.0.2.40");
  CHECK(error_of([] { range("192.0.2.0/24", "fd00::1"); }) != "");
  const Range all = range("192.0.2.0/24", "192.0.2.40", "192.0.2.50", "192.0.2.254");
  CHECK(all.str() == "192.0.2.40-192.0.2.50");
  CHECK(all.gateway == ip("192.0.2.254"));
  // Explicit ends may be the network and the broadcast address.
  CHECK(range("192.0.2.0/30", "192.0.2.0", "192.0.2.3").str() == "192.0.2.0-192.0.2.3");
}

TEST_CASE("a range contains what lies between its ends") {
  const Range v4 = range("192.0.2.0/24", "192.0.2.40", "192.0.2.50");
  for (const char* inside : {"192.0.2.40", "192.0.2.45", "192.0.2.50"}) CHECK(v4.contains(ip(inside)));
  for (const char* outside : {"192.0.2.39", "192.0.2.51", "192.0.3.45", "fd00::45"})
    CHECK_FALSE(v4.contains(ip(outside)));
  const Range v6 = range("2001:db8:1::/64", "2001:db8:1::40", "2001:db8:1::50");
  CHECK(v6.contains(ip("2001:db8:1::40")));
  CHECK_FALSE(v6.contains(ip("2001:db8:1::39")));
  CHECK_FALSE(v6.contains(ip("2001:db8:2::45")));
}

TEST_CASE("ranges overlap when they share an address") {
  const Range one = range("192.0.2.0/24", "192.0.2.40", "192.0.2.50");
  CHECK_FALSE(range("10.0.0.0/24").overlaps(range("10.0.1.0/24")));
  CHECK_FALSE(range("10.0.0.0/24").overlaps(range("fd00::/64")));
  CHECK(range("10.0.0.0/20").overlaps(range("10.0.0.0/20")));
  CHECK(range("10.0.0.0/20").overlaps(range("10.0.1.0/24")));
  CHECK(range("10.0.1.0/24").overlaps(range("10.0.0.0/20")));
  CHECK_FALSE(one.overlaps(range("192.0.2.0/24", "192.0.2.51")));
  CHECK(one.overlaps(range("192.0.2.0/24", "192.0.2.50", "192.0.2.60")));
  CHECK(one.overlaps(range("192.0.2.0/24")));
}

TEST_CASE("a range set has one family and no overlaps") {
  CHECK(error_of([] { ipam::check_range_set({}); }) == "7 empty range set");
  CHECK(error_of([] {
          ipam::check_range_set({range("10.0.0.0/24"), range("fd00::/64")});
        }) == "7 mixed address families");
  CHECK(error_of([] {
          ipam::check_range_set({range("10.0.0.0/20"), range("10.0.1.0/24")});
        }) == "7 subnets 10.0.0.1-10.0.15.254 and 10.0.1.1-10.0.1.254 overlap");
  const RangeSet set{range("10.0.0.0/24"), range("10.0.2.0/24")};
  ipam::check_range_set(set);
  CHECK(ipam::find_range(set, ip("10.0.2.9")) == &set[1]);
  CHECK(ipam::find_range(set, ip("10.0.1.9")) == nullptr);
  CHECK(ipam::to_string(set) == "10.0.0.1-10.0.0.254,10.0.2.1-10.0.2.254");
  CHECK(ipam::overlap(set, {range("10.0.2.128/25")}));
  CHECK_FALSE(ipam::overlap(set, {range("10.0.1.0/24")}));
}

TEST_CASE("a turn visits each address once, without gateways") {
  const RangeSet one{range("10.0.0.0/29")};
  CHECK(visited(one, "") == "10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6");
  CHECK(visited(one, "10.0.0.1") == "10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6");
  CHECK(visited(one, "10.0.0.4") == "10.0.0.5 10.0.0.6 10.0.0.2 10.0.0.3 10.0.0.4");
  CHECK(visited(one, "10.0.0.6") == "10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6");
  CHECK(visited(one, "10.9.9.9") == visited(one, ""));
  const RangeSet middle{range("10.0.0.0/29", "10.0.0.2", "10.0.0.5", "10.0.0.4")};
  CHECK(visited(middle, "") == "10.0.0.2 10.0.0.3 10.0.0.5");
  CHECK(visited(middle, "10.0.0.3") == "10.0.0.5 10.0.0.2 10.0.0.3");
  const RangeSet only_gateway{range("10.0.0.0/29", "10.0.0.4", "10.0.0.4", "10.0.0.4")};
  CHECK(visited(only_gateway, "") == "");
}

TEST_CASE("a turn goes from range to range") {
  const RangeSet two{range("10.0.0.0/30"), range("10.0.1.0/30", "10.0.1.0", "10.0.1.2")};
  CHECK(visited(two, "") == "10.0.0.2 10.0.1.0 10.0.1.2");
  CHECK(visited(two, "10.0.0.2") == "10.0.1.0 10.0.1.2 10.0.0.2");
  CHECK(visited(two, "10.0.1.0") == "10.0.1.2 10.0.0.2 10.0.1.0");
  CHECK(visited(two, "10.0.1.2") == "10.0.0.2 10.0.1.0 10.0.1.2");
}

TEST_CASE("ranges at the ends of the address space do not wrap") {
  CHECK(visited({range("255.255.255.252/30", "", "255.255.255.255")}, "255.255.255.255") ==
        "255.255.255.254 255.255.255.255");
  CHECK(visited({range("255.255.255.252/30", "", "255.255.255.255", "255.255.255.255")}, "") ==
        "255.255.255.253 255.255.255.254");
  CHECK(visited({range("0.0.0.0/30", "0.0.0.0", "", "0.0.0.0")}, "") == "0.0.0.1 0.0.0.2");
  CHECK(visited({range("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc/126")}, "") ==
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}
