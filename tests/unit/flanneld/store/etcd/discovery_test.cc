#include "flanneld/store/etcd/discovery.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace flanneld;

namespace {

std::string hosts(std::vector<SrvRecord> records, const RandomBelow& random) {
  mix(records, random);
  std::string all;
  for (const SrvRecord& one : records) all += one.host;
  return all;
}

}  // namespace

TEST_CASE("etcd discovery: servers of one priority and weight are tried in any order, others in theirs") {
  const std::vector<SrvRecord> records{{0, 9, 1, "a"}, {0, 5, 1, "b"}, {0, 5, 1, "c"},
                                       {0, 5, 1, "d"}, {1, 5, 1, "e"}, {1, 5, 1, "f"}};
  CHECK(hosts(records, [](size_t) { return 0; }) == "abcdef");
  CHECK(hosts(records, [](size_t alike) { return alike - 1; }) == "adbcfe");
  CHECK(hosts({}, [](size_t) { return 0; }).empty());
}

TEST_CASE(
    "etcd discovery: servers with TLS come before those without, and no URL is made of what is no name") {
  CHECK(etcd_urls({{{0, 0, 2379, "a.test"}}, {{0, 0, 2380, "b.test"}, {0, 0, 1, ""}}}) ==
        std::vector<std::string>{"https://a.test:2379", "http://b.test:2380"});
}
