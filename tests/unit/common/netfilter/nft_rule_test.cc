#include <doctest/doctest.h>

#include <string>

#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_rule.h"
#include "tests/support/addresses.h"

using netfilter::NftFamily;
using netfilter::NftRule;
using netfilter::NftRuleInfo;
using netfilter::NftTest;
using test::net;

namespace {

/// A rule as a query shows it.
NftRuleInfo info(const NftRule& rule) {
  NftRuleInfo info;
  info.expressions = rule.expressions();
  return info;
}

/// What the nft tool makes of `ip saddr 10.244.0.0/16`: it loads and compares whole bytes where it can.
NftRuleInfo two_bytes_of_source() {
  NftRuleInfo info;
  const std::string load(
      "\x34\x00\x01\x80\x0c\x00\x01\x00payload\x00\x24\x00\x02\x80\x08\x00\x01\x00\x00\x00\x00\x01"
      "\x08\x00\x02\x00\x00\x00\x00\x01\x08\x00\x03\x00\x00\x00\x00\x0c\x08\x00\x04\x00\x00\x00\x00\x02",
      52);
  const std::string compare(
      "\x2c\x00\x01\x80\x08\x00\x01\x00"
      "cmp\x00\x20\x00\x02\x80\x08\x00\x01\x00\x00\x00\x00\x01\x08\x00\x02\x00\x00\x00\x00\x00"
      "\x0c\x00\x03\x80\x06\x00\x01\x00\x0a\xf4\x00\x00",
      44);
  info.expressions = load + compare;
  return info;
}

}  // namespace

TEST_CASE("a rule's tests are read back as they were written") {
  const auto tests = info(NftRule(NftFamily::ip).source(net("10.244.0.0/16"), true)).tests();
  REQUIRE(tests.size() == 1);
  CHECK(tests[0] == NftTest{.field = NftTest::Field::network_header,
                            .offset = 12,
                            .mask = std::string("\xff\xff\x00\x00", 4),
                            .value = std::string("\x0a\xf4\x00\x00", 4)});
}

TEST_CASE("in a table of both protocols the protocol is tested before the address, in others it is not") {
  CHECK(info(NftRule(NftFamily::inet).source(net("10.244.0.0/16"), true)).tests().size() == 2);
  CHECK(info(NftRule(NftFamily::ip).source(net("10.244.0.0/16"), true)).tests().size() == 1);
}

TEST_CASE("a rule names the network that it tests for, and no other") {
  for (const char* text : {"10.244.0.0/16", "10.244.0.0/20", "10.244.7.1/32", "fd00:10:244::/48"}) {
    CAPTURE(text);
    CHECK(info(NftRule().source(net(text), true)).names_network(net(text)));
    CHECK(info(NftRule().destination(net(text), false)).names_network(net(text)));
    CHECK_FALSE(info(NftRule().source(net("10.99.0.0/16"), true)).names_network(net(text)));
    CHECK_FALSE(info(NftRule().mark_is(1, 1).accept()).names_network(net(text)));
  }
  CHECK(two_bytes_of_source().names_network(net("10.244.0.0/16")));
  CHECK_FALSE(two_bytes_of_source().names_network(net("10.244.0.0/17")));
}

TEST_CASE("bytes of another field do not name a network") {
  // The mark has the bytes of 10.244.0.0; a search in the encoded rule would find them.
  CHECK_FALSE(info(NftRule().mark_is(0x0000f40a, 0xffffffff)).names_network(net("10.244.0.0/16")));
}

TEST_CASE("a rule names the interface that it tests for, and no other") {
  CHECK(info(NftRule().input_interface_is("cni0")).names_interface("cni0"));
  CHECK_FALSE(info(NftRule().input_interface_is("cni01")).names_interface("cni0"));
  CHECK_FALSE(info(NftRule().input_interface_is("cni")).names_interface("cni0"));
  CHECK(info(NftRule().input_interface_begins("cni")).names_interface("cni0"));
  CHECK_FALSE(info(NftRule().input_interface_begins("eth")).names_interface("cni0"));
  CHECK_FALSE(info(NftRule().source(net("10.244.0.0/16"), true)).names_interface("cni0"));
}

TEST_CASE("expressions cut off at any byte are read without harm") {
  const std::string whole =
      NftRule().source(net("10.244.0.0/16"), true).input_interface_is("cni0").expressions();
  for (size_t length = 0; length < whole.size(); ++length) {
    NftRuleInfo cut;
    cut.expressions = whole.substr(0, length);
    CHECK(cut.tests().size() <= 3);
  }
}

TEST_CASE("the test of iptables for known connections is one of the connection's state") {
  const auto tests = info(NftRule(NftFamily::ip).iptables_connection_is_known()).tests();
  REQUIRE(tests.size() == 1);
  CHECK(tests[0].field == NftTest::Field::conntrack_state);
  CHECK(tests[0].mask == std::string("\x06\x00", 2));
}
