#include "flanneld/io/host_check.h"

#include <doctest/doctest.h>

using namespace flanneld;

namespace {

const NodeNames kNames{.host = "Node1", .domains = {"example.com", "internal"}};

}  // namespace

TEST_CASE("host check: an address, localhost and the node's names are its own") {
  for (const char* host :
       {"127.0.0.1:7000", "192.168.1.10", "[::1]:7000", "[fd00::10]", "[fe80::1%25eth0]:7000", "localhost",
        "LocalHost:7000", "node1", "NODE1:7000", "node1.example.com:7000", "node1.internal.", ""})
    CHECK_MESSAGE(is_own_host(host, kNames), host);
  CHECK(is_own_host("node2", {.host = "node2.example.org", .domains = {}}));
  CHECK(is_own_host("node2.example.org", {.host = "node2.example.org", .domains = {}}));
}

TEST_CASE("host check: a foreign name is refused, whatever it points to") {
  for (const char* host :
       {"evil.example", "evil.example:7000", "node1.evil.example", "example.com", "127.0.0.1.evil.example",
        "localhost.evil.example", "[evil.example]:7000", "[", "node11", "a node1"})
    CHECK_MESSAGE(!is_own_host(host, kNames), host);
  CHECK_FALSE(is_own_host("node1", {}));
}

TEST_CASE("host check: reads the domains of a resolv.conf") {
  CHECK(
      search_domains("# comment\nsearch a.example\tB.example.  c\nnameserver 10.0.0.1\noptions ndots:5\n") ==
      std::vector<std::string>{"a.example", "b.example", "c"});
  CHECK(search_domains("domain d.example\n") == std::vector<std::string>{"d.example"});
  CHECK(search_domains("").empty());
}
