#include "flanneld/store/etcd/messages.h"

#include <doctest/doctest.h>

#include "flanneld/lease/go_json.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;

TEST_CASE("etcd messages: any body of an error is an error") {
  CHECK(parse_error(400, R"({"error":"x","message":"y","code":3})").text == "y");
  CHECK(parse_error(400, R"({"error":"x","code":"abc"})").code == 0);
  CHECK(parse_error(400, R"({"error":"x","code":{}})").text == "x");
  CHECK(parse_error(500, "[1").code == 0);
  const EtcdError stream = parse_error(401, R"({"error":{"grpc_code":16,"message":"invalid auth token"}})");
  CHECK(stream.code == 16);
  CHECK(stream.text == "invalid auth token");
  CHECK(contains(parse_error(404, "404 page not found").text, "enable-grpc-gateway"));
}

TEST_CASE("etcd messages: a watch's lines are read, and others refused") {
  const auto compacted = parse_watch_response(R"({"result":{"canceled":true,"compact_revision":"4"}})");
  CHECK(compacted.is_canceled);
  CHECK(compacted.compact_revision == 4);
  const auto gone = parse_watch_response(
      R"({"result":{"header":{"revision":"5"},"events":[{"type":"DELETE","kv":{"key":"YQ=="}}]}})");
  REQUIRE(gone.events.size() == 1);
  CHECK(gone.events[0].is_delete);
  CHECK(gone.events[0].kv.key == "a");
  for (const char* line : {"", "[]", "{", R"({"result":[]})", R"({"result":{"events":[1]}})",
                           R"({"result":{"events":[{"kv":{"key":"?"}}]}})"})
    CHECK_MESSAGE(
        !parse_failure([&] { decoding("line", [&] { return parse_watch_response(line); }); }).empty(), line);
}

TEST_CASE("etcd messages: numbers that could not be counted on, and endless errors, are refused") {
  const json::Value answer = json::Value::parse(
      R"({"header":{"revision":"9223372036854775807"},"ID":"1","TTL":"9223372036854775807"})");
  CHECK(contains(parse_failure([&] { flanneld::parse_range(answer); }), "revision"));
  CHECK(contains(parse_failure([&] { flanneld::parse_txn(answer); }), "revision"));
  CHECK(contains(parse_failure([&] { flanneld::parse_lease(answer); }), "TTL"));
  CHECK(contains(parse_failure([&] { flanneld::parse_keep_alive({{"result", answer}}); }), "TTL"));
  CHECK(flanneld::parse_lease(json::Value{{"ID", "1"}, {"TTL", "9000000000"}}).ttl == 9'000'000'000);
  CHECK(parse_error(500, R"({"message":")" + std::string(1000, 'x') + "\"}").text.size() == 200);
  CHECK(parse_error(500, std::string(100'000, '[')).code == 0);
}
