#include "common/base/ip.h"

#include <doctest/doctest.h>

using base::IpAddress;
using base::IpNet;

namespace {

std::string canonical(const char* text) {
  const auto ip = IpAddress::parse(text);
  return ip ? ip->str() : "invalid";
}

}  // namespace

TEST_CASE("IpAddress prints and parses text as RFC 5952 and Go do") {
  CHECK(canonical("10.244.1.2") == "10.244.1.2");
  CHECK(canonical("2001:DB8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");     // the first of two equal runs
  CHECK(canonical("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");  // a single group stays
  CHECK(canonical("::") == "::");
  CHECK(canonical("::1") == "::1");
  CHECK(canonical("fd00::") == "fd00::");
  CHECK(canonical("::1.2.3.4") == "::102:304");  // no dotted tail
  CHECK(canonical("::ffff:10.0.0.1") == "10.0.0.1");
  for (const char* bad :
       {"", "10.0.0", "10.0.0.256", "010.0.0.1", "1.2.3.4 ", "::g", "1::2::3", "fe80::1%eth0", "a.b.c.d"})
    CHECK_MESSAGE(canonical(bad) == "invalid", bad);
}

TEST_CASE("IpAddress and IpNet refuse text with a NUL in it") {
  CHECK_FALSE(IpAddress::parse(std::string_view("10.1.1.1\0.2", 11)));
  CHECK_FALSE(IpNet::parse(std::string_view("10.1.1.1\0/24", 12)));
}

TEST_CASE("IpAddress counts within its family and wraps at its ends") {
  CHECK(IpAddress::parse("10.0.0.255")->next().str() == "10.0.1.0");
  CHECK(IpAddress::parse("255.255.255.255")->next().str() == "0.0.0.0");
  CHECK(IpAddress::parse("10.0.1.0")->previous().str() == "10.0.0.255");
  CHECK(IpAddress::parse("fd00::ffff")->next().str() == "fd00::1:0");
  CHECK(IpAddress::parse("fd00::")->previous().str() == "fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  CHECK(IpAddress::parse("10.0.0.1")->distance_to(*IpAddress::parse("10.0.1.1")) == 256);
  CHECK(IpAddress::parse("::")->distance_to(*IpAddress::parse("fd00::")) == UINT64_MAX);
  CHECK(IpAddress::parse("fd00::")->plus(UINT64_MAX).str() == "fd00::ffff:ffff:ffff:ffff");
  // Never slips from one family into the other.
  CHECK(IpAddress::parse("::1.2.3.0")->next().str() == "::102:301");
  CHECK(*IpAddress::parse("10.0.0.9") < *IpAddress::parse("10.0.0.10"));
  CHECK(*IpAddress::parse("255.0.0.0") < *IpAddress::parse("::"));
}

TEST_CASE("IpAddress is the number that it was made from") {
  for (const char* text : {"0.0.0.0", "10.244.1.2", "255.255.255.255", "::", "fd00::1:2", "ff02::1"}) {
    const auto address = *IpAddress::parse(text);
    CHECK(IpAddress::from_number(address.family(), address.number()) == address);
  }
  CHECK(IpAddress::parse("0.0.1.2")->number() == 258);
  CHECK(IpAddress::parse("1::2")->number() == base::Uint128(1ULL << 48, 2));
}

TEST_CASE("IpNet parses, masks and tells membership") {
  CHECK(IpNet::parse("10.1.17.3/24")->network().str() == "10.1.17.0/24");
  CHECK(IpNet::parse("10.1.17.3/24")->last().str() == "10.1.17.255");
  CHECK(IpNet::parse("10.1.17.3/25")->last().str() == "10.1.17.127");
  CHECK(IpNet::parse("fd00::1/64")->last().str() == "fd00::ffff:ffff:ffff:ffff");
  CHECK(IpNet::parse("0.0.0.0/0")->contains(*IpAddress::parse("203.0.113.1")));
  CHECK_FALSE(IpNet::parse("0.0.0.0/0")->contains(*IpAddress::parse("::1")));
  CHECK(IpNet::parse("10.0.0.0/8")->overlaps(*IpNet::parse("10.1.0.0/16")));
  CHECK(IpNet::parse("10.1.0.0/16")->overlaps(*IpNet::parse("10.0.0.0/8")));
  CHECK_FALSE(IpNet::parse("10.1.0.0/16")->overlaps(*IpNet::parse("10.2.0.0/16")));
  for (const char* bad :
       {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8x", "/8", "::/129"})
    CHECK_MESSAGE(!IpNet::parse(bad), bad);
}

TEST_CASE("well-known networks exist in both families") {
  using base::Family;
  CHECK(base::default_route(Family::v4).str() == "0.0.0.0/0");
  CHECK(base::default_route(Family::v6).str() == "::/0");
  CHECK(base::multicast(Family::v4).str() == "224.0.0.0/4");
  CHECK(base::multicast(Family::v6).str() == "ff00::/8");
  CHECK(base::link_local(Family::v4).str() == "169.254.0.0/16");
  CHECK(base::link_local(Family::v6).str() == "fe80::/10");
  CHECK(IpNet::parse("10.1.2.3/0")->last().str() == "255.255.255.255");
  CHECK(IpNet::parse("fd00::1/0")->network().str() == "::/0");
}
