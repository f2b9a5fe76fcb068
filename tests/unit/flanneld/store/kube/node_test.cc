// Lists, events and Nodes as they come from an API server, whole and broken.
#include "flanneld/store/kube/node.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "flanneld/store/kube/list_splitter.h"
#include "flanneld/store/kube/node_table.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;

namespace {

const std::string kNodePrefix = "flannel.alpha.coreos.com/";
const std::string kHead =
    R"({"kind":"NodeList","apiVersion":"v1","metadata":{"resourceVersion":"220"},"items":[)";

/// A Node with what a kubelet puts into one to confuse a reader.
std::string node_text(const std::string& name, const std::string& spec, const std::string& annotations) {
  return R"({"metadata":{"name":")" + name + R"(","uid":"u-)" + name +
         R"(","resourceVersion":"7","labels":{"name":"x\"}]\\"},"annotations":{"other/public-ip":"1.1.1.1")" +
         annotations + R"(},"managedFields":[{"spec":{"podCIDR":"9.9.9.0/24"}}]},"spec":)" + spec +
         R"(,"status":{"addresses":[{"type":"Hostname","address":"h"},{"type":"InternalIP","address":"192.0.2.1"}],)"
         R"("conditions":[{"type":"Ready","status":"True"},{"type":"NetworkUnavailable","status":"True","reason":"R"}],)"
         R"("images":[{"names":["{[\"{"],"sizeBytes":12}]}})";
}

std::string flannels(const std::string& public_ip) {
  return R"(,"flannel.alpha.coreos.com/kube-subnet-manager":"true","flannel.alpha.coreos.com/backend-type":"host-gw",)"
         R"("flannel.alpha.coreos.com/backend-data":"null","flannel.alpha.coreos.com/public-ip":")" +
         public_ip + "\"";
}

std::string spec(const std::string& cidr) {
  return R"({"podCIDR":")" + cidr + R"(","podCIDRs":[")" + cidr + R"("],"providerID":"x"})";
}

KubeNode node(const std::string& name, const std::string& cidr, const std::string& public_ip) {
  return parse_kube_node(node_text(name, spec(cidr), flannels(public_ip)), kNodePrefix);
}

/// The same without spec and status, as metadata alone shows it.
KubeNode metadata(KubeNode node) {
  node.is_whole = false;
  node.pod_cidrs.clear();
  return node;
}

}  // namespace

TEST_CASE("kube node: the texts that count are found among all others") {
  const KubeNode read = node("n1", "10.244.1.0/24", "192.0.2.1");
  CHECK(read.name == "n1");
  CHECK(read.uid == "u-n1");
  CHECK(read.resource_version == "7");
  CHECK(read.pod_cidrs == std::vector<std::string>{"10.244.1.0/24"});
  CHECK(read.annotations.size() == 4);
  CHECK(read.annotations.at("public-ip") == "192.0.2.1");
  CHECK(read.addresses == std::vector<std::string>{"192.0.2.1"});
  CHECK(read.network_unavailable == "True");
  CHECK(read.network_reason == "R");
  CHECK(read.is_whole);
  CHECK(read.is_marked());
  CHECK_FALSE(parse_kube_node(R"({"metadata":{"name":"x","annotations":null}})", kNodePrefix).is_whole);
}

TEST_CASE("kube node: text that was cut anywhere is an error") {
  const std::string whole = node_text("n1", spec("10.244.1.0/24"), flannels("192.0.2.1"));
  for (size_t size = 0; size < whole.size(); ++size)
    CHECK_THROWS_AS(parse_kube_node(std::string_view(whole).substr(0, size), kNodePrefix), base::ParseError);
  CHECK_THROWS_AS(parse_kube_node(whole + "}", kNodePrefix), base::ParseError);
  CHECK_THROWS_AS(parse_kube_node(std::string(100, '{'), kNodePrefix), base::ParseError);
}

TEST_CASE("kube event: additions, deletions, bookmarks and errors") {
  const std::string object = node_text("n1", spec("10.244.1.0/24"), "");
  const auto event = [&](const std::string& type, const std::string& of) {
    return parse_kube_event(R"({"type":")" + type + R"(","object":)" + of + "}", kNodePrefix);
  };
  CHECK(event("ADDED", object).kind == KubeEvent::Kind::changed);
  CHECK(event("MODIFIED", object).node.name == "n1");
  CHECK(event("DELETED", object).kind == KubeEvent::Kind::deleted);
  const KubeEvent bookmark =
      event("BOOKMARK", R"({"kind":"Node","metadata":{"resourceVersion":"341"},"spec":{}})");
  CHECK(bookmark.kind == KubeEvent::Kind::bookmark);
  CHECK(bookmark.node.resource_version == "341");
  const KubeEvent gone =
      event("ERROR", R"({"kind":"Status","message":"too old","reason":"Expired","code":410,"metadata":{}})");
  CHECK(gone.code == 410);
  CHECK(gone.message == "too old");
  CHECK_THROWS_AS(event("MADE", object), base::ParseError);
  CHECK_THROWS_AS(event("ADDED", "{}"), base::ParseError);
  CHECK_THROWS_AS(event("ADDED", "7"), base::ParseError);
}

TEST_CASE("kube list: items are handed on whole, whatever pieces the list comes in") {
  const std::string one = node_text("n1", spec("10.244.1.0/24"), ""), two = node_text("n2", "{}", "");
  const std::string list = kHead + one + ",\n" + two + "]}";
  for (size_t size = 1; size <= list.size(); ++size) {
    ListSplitter splitter(4096);
    std::vector<std::string> items;
    for (size_t at = 0; at < list.size(); at += size) {
      CHECK_FALSE(splitter.is_complete());
      splitter.take(std::string_view(list).substr(at, size),
                    [&](std::string_view item) { items.emplace_back(item); });
    }
    CHECK(splitter.is_complete());
    CHECK(items == std::vector<std::string>{one, two});
    CHECK(splitter.envelope() == kHead + "]}");
  }
}

TEST_CASE(
    "kube list: the version and the next page stand before or behind the items; without a version it is "
    "none") {
  const auto head = [](const std::string& text) {
    ListSplitter splitter(4096);
    splitter.take(text, [](std::string_view) {});
    return parse_kube_list_head(splitter.envelope());
  };
  CHECK(head(kHead + "]}").resource_version == "220");
  const KubeListHead page = head(R"({"items":[{}],"metadata":{"continue":"abc","resourceVersion":"5"}})");
  CHECK(page.next == "abc");
  CHECK(page.resource_version == "5");
  CHECK(head(R"({"metadata":{"resourceVersion":"5"},"items":null})").resource_version == "5");
  CHECK_THROWS_AS(head(R"({"metadata":{},"items":[]})"), base::ParseError);
  CHECK_THROWS_AS(head("[]"), base::ParseError);
  ListSplitter splitter(100);
  CHECK_THROWS_AS(splitter.take(kHead + "{" + std::string(200, ' '), [](std::string_view) {}),
                  base::ParseError);
  ListSplitter other(100);
  CHECK_THROWS_AS(other.take("}", [](std::string_view) {}), base::ParseError);
}

TEST_CASE(
    "kube table: what is known of podCIDRs outlives events that do not show them, but not another Node") {
  std::vector<std::string> skipped;
  KubeNodeTable table(
      "own", [&](const EntrySkipped& event) { skipped.push_back(event.entry + ": " + event.reason); });
  table.begin_list();
  table.put_listed(node("n1", "10.244.1.0/24", "192.0.2.1"));
  table.put_listed(node("own", "10.244.9.0/24", "192.0.2.9"));
  CHECK(table.leases().empty());  // the list has not ended
  table.end_list();
  REQUIRE(table.leases().size() == 1);
  CHECK(table.leases()[0].key == key("10.244.1.0-24"));

  KubeNode changed = metadata(node("n1", "", "192.0.2.7"));
  auto events = table.put(changed);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == LeaseEvent::Kind::put);
  CHECK(events[0].lease.attributes.public_ip == ip("192.0.2.7"));
  CHECK(table.put(changed).empty());

  KubeNode anew = changed;
  anew.uid = "another";
  events = table.put(anew);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == LeaseEvent::Kind::removed);
  CHECK(table.needs_whole("n1"));
  anew.is_whole = true;
  anew.pod_cidrs = {"10.244.5.7/24"};
  events = table.put(anew);
  REQUIRE(events.size() == 1);
  CHECK(events[0].lease.key == key("10.244.5.0-24"));
  CHECK_FALSE(table.needs_whole("n1"));

  anew.annotations.erase("kube-subnet-manager");
  CHECK(table.put(anew).at(0).kind == LeaseEvent::Kind::removed);
  CHECK(table.remove("n1").empty());
  CHECK(skipped.empty());
}

TEST_CASE("kube table: a Node that cannot be used is told once; one family is enough") {
  std::vector<std::string> skipped;
  KubeNodeTable table(
      "own", [&](const EntrySkipped& event) { skipped.push_back(event.entry + ": " + event.reason); });
  KubeNode bad = node("n1", "10.244.1.0/24", "nonsense");
  CHECK(table.put(bad).empty());
  CHECK(table.put(bad).empty());
  CHECK(skipped == std::vector<std::string>{"Node n1: 'nonsense' is not its IPv4 address"});
  CHECK(table.skipped().named == std::vector<std::string>{"Node 'n1': 'nonsense' is not its IPv4 address"});
  bad.pod_cidrs = {"10.244.1.0/24", "fd00:1::/64"};
  bad.annotations["public-ipv6"] = "fd00::1";
  const auto events = table.put(bad);
  REQUIRE(events.size() == 1);
  CHECK(events[0].lease.key.ipv6_subnet == net("fd00:1::/64"));
  CHECK_FALSE(events[0].lease.key.subnet);
  CHECK(table.skipped().named.empty());
}

TEST_CASE("kube table: of many Nodes that cannot be used the first are named, the others counted") {
  KubeNodeTable table("own", [](const EntrySkipped&) {});
  for (size_t i = 0; i < SkippedEntries::kMostNamed + 5; ++i)
    table.put(node(fmt::format("n{}", i), "10.244.1.0/24", "nonsense"));
  CHECK(table.skipped().named.size() == SkippedEntries::kMostNamed);
  CHECK(table.skipped().unnamed == 5);
}

TEST_CASE("kube table: of two Nodes with one podCIDR the other's lease stays when one goes") {
  KubeNodeTable table("own", [](const EntrySkipped&) {});
  table.put(node("n1", "10.244.1.0/24", "192.0.2.1"));
  table.put(node("n2", "10.244.1.0/24", "192.0.2.2"));
  const auto events = table.remove("n2");
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == LeaseEvent::Kind::put);
  CHECK(events[0].lease.attributes.public_ip == ip("192.0.2.1"));
}

TEST_CASE("kube podCIDRs: first or last of a family, host bits cleared, two at most") {
  const std::vector<std::string> both{"10.244.1.9/24", "10.244.2.0/24"};
  CHECK(pod_subnets(both, Several::first).subnet == net("10.244.1.0/24"));
  CHECK(pod_subnets(both, Several::last).subnet == net("10.244.2.0/24"));
  CHECK_THROWS_AS(pod_subnets({"10.244.1.0"}, Several::first), base::ParseError);
  CHECK_THROWS_AS(pod_subnets({"10.0.0.0/8", "fd00::/64", "10.1.0.0/16"}, Several::first), base::ParseError);
}

TEST_CASE("kube status: an error's message, and none of what is no Status") {
  CHECK(parse_kube_status(R"({"kind":"Status","message":"no","code":403})").message == "no");
  for (const char* text : {"", "<html>", "{", R"({"message":"no"})", "[]"})
    CHECK(parse_kube_status(text).message.empty());
  CHECK(is_older_version("9", "10"));
  CHECK_FALSE(is_older_version("10", "9"));
  CHECK_FALSE(is_older_version("abc", "10"));
  CHECK(parse_node_name(R"({"kind":"Pod","metadata":{"nodeName":"no"},"spec":{"nodeName":"n1"}})") == "n1");
}
