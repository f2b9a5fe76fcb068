#include "common/netfilter/nft_set.h"

#include <doctest/doctest.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/process.h"
#include "common/base/text.h"
#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_transaction.h"
#include "tests/support/addresses.h"
#include "tests/support/scoped_netns.h"

using netfilter::NftField;
using netfilter::NftRule;
using netfilter::NftSet;
using netfilter::NftTransaction;
using netfilter::NftType;
using test::ip;

namespace {

const netfilter::NftTable kTable{.family = netfilter::NftFamily::bridge, .name = "t"};
const NftSet kSources{.name = "sources", .types = {NftType::iface_index, NftType::ipv4_addr}};

std::string element(int ifindex, const char* address) {
  return fmt::format("{}{}", netfilter::nft_index_value(ifindex), netfilter::nft_value(ip(address)));
}

/// What the nft tool makes of table t; empty without the tool.
std::string listed(const char* family = "bridge") {
  base::ProcessSpec spec;
  spec.program = "/usr/sbin/nft";
  spec.arguments = {"list", "table", family, "t"};
  return base::run_process(spec).output;
}

struct Table : ScopedNetns {
  /// False where nf_tables cannot be used.
  bool make(const NftSet& set) {
    if (!made()) return false;
    NftTransaction transaction(kTable);
    transaction.ensure_table();
    transaction.ensure_set(set);
    transaction.ensure_chain("c");
    return transaction.commit(socket(), "make the table");
  }
  netlink::NetlinkSocket& socket() {
    if (!socket_) socket_ = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
    return *socket_;
  }
  std::vector<std::string> elements(const std::string& set) {
    auto found = nft_elements(socket(), kTable, set).value();
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  std::optional<netlink::NetlinkSocket> socket_;
};

}  // namespace

TEST_CASE_FIXTURE(Table, "nft set: elements come back as they were added, and go") {
  if (!make(kSources)) return;
  NftTransaction add(kTable);
  add.add_elements("sources", {element(1, "10.244.1.2"), element(2, "10.244.1.3")});
  add.add_elements("sources", {element(1, "10.244.1.2")});  // again
  REQUIRE(add.commit(socket(), "add"));
  CHECK(elements("sources") == std::vector{element(1, "10.244.1.2"), element(2, "10.244.1.3")});
  CHECK(netfilter::index_in(elements("sources")[0]) == 1);
  CHECK(netfilter::address_behind_index(elements("sources")[0]) == ip("10.244.1.2"));
  NftTransaction remove(kTable);
  remove.delete_elements("sources", {element(1, "10.244.1.2")});
  REQUIRE(remove.commit(socket(), "delete"));
  CHECK(elements("sources") == std::vector{element(2, "10.244.1.3")});
  NftTransaction flush(kTable);
  flush.flush_set("sources");
  REQUIRE(flush.commit(socket(), "flush"));
  CHECK(elements("sources").empty());
}

TEST_CASE_FIXTURE(Table, "nft set: to delete an element that is not there changes nothing else either") {
  if (!make(kSources)) return;
  NftTransaction add(kTable);
  add.add_elements("sources", {element(1, "10.244.1.2")});
  REQUIRE(add.commit(socket(), "add"));
  NftTransaction remove(kTable);
  remove.delete_elements("sources", {element(1, "10.244.1.2"), element(1, "10.244.1.9")});
  CHECK_FALSE(remove.commit(socket(), "delete"));
  CHECK(elements("sources").size() == 1);
}

TEST_CASE_FIXTURE(Table, "nft set: a thousand elements are added at once, and listed") {
  if (!make(kSources)) return;
  std::vector<std::string> many;
  for (uint32_t i = 0; i < 1000; ++i)
    many.push_back(fmt::format("{}{}", netfilter::nft_index_value(static_cast<int>(i + 1)),
                               netfilter::nft_value(base::IpAddress::v4(0x0af40000 + i))));
  NftTransaction add(kTable);
  add.add_elements("sources", many);
  REQUIRE(add.commit(socket(), "add"));
  std::sort(many.begin(), many.end());
  CHECK(elements("sources") == many);
}

TEST_CASE_FIXTURE(Table, "nft set: without the set, the table or a right there is none to list") {
  if (!made()) return;
  CHECK_FALSE(nft_elements(socket(), kTable, "sources"));
  if (!make(kSources)) return;
  CHECK_FALSE(nft_elements(socket(), kTable, "other"));
  NftTransaction remove(kTable);
  remove.delete_set("sources");
  REQUIRE(remove.commit(socket(), "delete"));
  CHECK_FALSE(nft_elements(socket(), kTable, "sources"));
}

TEST_CASE_FIXTURE(Table, "nft set: the nft tool shows types, elements and rules by their names") {
  if (!make(kSources)) return;
  NftTransaction more(kTable);
  more.ensure_set({.name = "ports", .types = {NftType::iface_index}});
  more.ensure_set({.name = "six", .types = {NftType::iface_index, NftType::ipv6_addr}});
  more.add_elements("sources", {element(1, "10.244.1.2")});
  more.add_elements("ports", {netfilter::nft_index_value(7)});
  more.add_elements("six", {element(1, "fd00::2")});
  const auto rule = [] { return NftRule(netfilter::NftFamily::bridge); };
  more.add_rule("c", rule().in_set("sources", {NftField::input_index, NftField::source_v4}).accept());
  more.add_rule("c", rule().in_set("ports", {NftField::input_index}, false).accept());
  more.add_rule("c", rule().in_set("six", {NftField::input_index, NftField::source_v6}).accept());
  more.add_rule("c", rule().in_set("six", {NftField::input_index, NftField::nd_target}, false).drop());
  more.add_rule("c", rule().in_set("sources", {NftField::input_index, NftField::arp_sender}).accept());
  more.add_rule("c", rule().ether_type_is(ETH_P_ARP).arp_operation_is(2).drop());
  more.add_rule("c", rule().ether_type_is(ETH_P_IP).udp_source_is(67).drop());
  more.add_rule("c", rule().transport_is(IPPROTO_ICMPV6).type_is(134).drop());
  more.add_rule("c", rule().output_interface_is("cni0").limit(100, 50).return_());
  REQUIRE(more.commit(socket(), "add rules"));
  const std::string text = listed();
  if (text.empty()) return;  // no such tool here
  for (const char* line :
       {"type iface_index . ipv4_addr\n", "type iface_index . ipv6_addr\n", "type iface_index\n",
        "\"lo\" . 10.244.1.2", "\"lo\" . fd00::2", "elements = { 7 }", "iif . ip saddr @sources accept",
        "iif != @ports accept", "iif . ip6 saddr @six accept", "!= @six drop",
        "iif . arp saddr ip @sources accept", "arp operation reply drop", "udp sport 67 drop",
        "nd-router-advert drop", "oifname \"cni0\" limit rate 100/second burst 50 packets return"}) {
    CAPTURE(text);
    CHECK_MESSAGE(text.find(line) != std::string::npos, line);
  }
}

TEST_CASE_FIXTURE(Table, "nft: a transaction that is to be the first since a moment fails after another's") {
  if (!make(kSources)) return;
  const uint32_t generation = netfilter::nft_generation(socket());
  const auto put = [&](const char* address) {
    NftTransaction transaction(kTable);
    transaction.add_elements("sources", {element(1, address)});
    return transaction.commit(socket(), "add an element", generation);
  };
  CHECK(put("10.0.0.1"));
  CHECK_FALSE(put("10.0.0.2"));
  CHECK(elements("sources") == std::vector{element(1, "10.0.0.1")});
}

TEST_CASE_FIXTURE(Table, "nft rule: a test for new connections is shown as one") {
  if (!made()) return;
  NftTransaction transaction({.family = netfilter::NftFamily::inet, .name = "t"});
  transaction.ensure_table();
  transaction.ensure_chain("c");
  transaction.add_rule("c", NftRule().connection_is_new().drop());
  if (!transaction.commit(socket(), "add the rule")) return;
  const std::string text = listed("inet");
  CHECK_MESSAGE((text.empty() || text.find("ct state new drop") != std::string::npos), text);
}

TEST_CASE_FIXTURE(Table, "nft: a rule has its tag beside its comment, and one that is put first is first") {
  if (!made()) return;
  const netfilter::NftTable table{.family = netfilter::NftFamily::inet, .name = "t"};
  NftTransaction transaction(table);
  transaction.ensure_table();
  transaction.ensure_chain("c");
  transaction.add_rule("c", NftRule().drop(), "why", "whose");
  transaction.add_rule("c", NftRule().drop(), {}, "whose else");
  transaction.insert_rule("c", NftRule().accept(), "first");
  if (!transaction.commit(socket(), "add the rules")) return;
  const auto rules = netfilter::nft_rules(socket(), table, "c");
  REQUIRE(rules.size() == 3);
  CHECK(rules[0].comment == "first");
  CHECK(rules[0].tag.empty());
  CHECK(rules[1].comment == "why");
  CHECK(rules[1].tag == "whose");
  CHECK(rules[2].comment.empty());
  CHECK(rules[2].tag == "whose else");
  const std::string text = listed("inet");
  CHECK_MESSAGE((text.empty() || text.find("drop comment \"why\"") != std::string::npos), text);
}
