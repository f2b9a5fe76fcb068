// What the lease stores understand of servers and files, without a server.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "common/base/file.h"
#include "flanneld/io/base64.h"
#include "flanneld/io/line_splitter.h"
#include "flanneld/lease/go_json.h"
#include "flanneld/store/directory/store.h"
#include "flanneld/store/etcd/client.h"
#include "flanneld/store/etcd/messages.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;

namespace {

const std::string kConfig = R"({"Network":"10.5.0.0/16","Backend":{"Type":"alloc"}})";

/// Claims as soon as there is a configuration, and keeps what it is sent.
struct Listener {
  explicit Listener(LeaseStore& its_store) : store(its_store) {
    store.start([this](const StoreEvent& event) { take(event); });
  }
  void take(const StoreEvent& event) {
    if (const auto* config = std::get_if<ConfigRead>(&event)) {
      Claim claim{NetworkConfig::parse(config->text), {}, {}};
      claim.attributes.public_ip = ip("192.168.0.1");
      store.claim(claim);
    }
    if (const auto* claim = std::get_if<LeaseClaimed>(&event)) claimed = claim->own.key.format();
    if (std::holds_alternative<ClaimFailed>(event)) ++claim_failures;
    if (const auto* list = std::get_if<LeasesListed>(&event)) listed.push_back(list->leases.size());
    if (const auto* entry = std::get_if<EntrySkipped>(&event)) skipped.push_back(entry->entry);
  }

  LeaseStore& store;
  std::string claimed;
  int claim_failures = 0;
  std::vector<size_t> listed;
  std::vector<std::string> skipped;
};

/// A directory that the test leaves behind under /tmp: small, and nothing is removed by mistake.
struct LeaseDirectory {
  LeaseDirectory() {
    std::string name = "/tmp/flanneld_stores_test.XXXXXX";
    REQUIRE(::mkdtemp(name.data()));
    path = name;
    base::make_directory(path + "/subnets", 0755);
    base::write_file_atomic(path + "/config", kConfig, 0644);
  }
  void put(const std::string& name, const std::string& text, time_t expiry) const {
    const std::string file = path + "/subnets/" + name;
    base::write_file_atomic(file, text, 0644);
    const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, timespec{expiry, 0}};
    REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times.data(), 0) == 0);
  }
  std::string path;
};

void run_for(EventLoop& loop, std::chrono::milliseconds time) {
  Timer end(loop, [&] { loop.stop(); });
  end.start(time);
  loop.run();
}

}  // namespace

TEST_CASE("base64: all lengths and bytes, and what is none") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
    bytes += static_cast<char>(i);
  }
  for (const char* text : {"a", "ab=", "a===", "====", "ab=c", "ab c", "ab\n="})
    CHECK_MESSAGE(!base64_decode(text), text);
}

TEST_CASE("etcd: any body of an error is an error") {
  CHECK(parse_error(400, R"({"error":"x","message":"y","code":3})").text == "y");
  CHECK(parse_error(400, R"({"error":"x","code":"abc"})").code == 0);
  CHECK(parse_error(400, R"({"error":"x","code":{}})").text == "x");
  CHECK(parse_error(500, "[1").code == 0);
  const EtcdError stream = parse_error(401, R"({"error":{"grpc_code":16,"message":"invalid auth token"}})");
  CHECK(stream.code == 16);
  CHECK(stream.text == "invalid auth token");
  CHECK(contains(parse_error(404, "404 page not found").text, "enable-grpc-gateway"));
}

TEST_CASE("etcd: a watch's messages") {
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

TEST_CASE("etcd: numbers that could not be counted on, and endless errors, are refused") {
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

TEST_CASE("lines of a stream, wherever it is cut") {
  const std::string stream = "one\n\ntwo\nthree";
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    flanneld::LineSplitter splitter(5);
    std::string lines;
    for (size_t at = 0; at < stream.size(); at += piece) {
      splitter.take(std::string_view(stream).substr(at, piece));
      while (const auto line = splitter.next()) lines += *line + "|";
    }
    CHECK(lines == "one|two|");
    splitter.take("four");
    CHECK_THROWS_AS(splitter.next(), base::ParseError);
    splitter.clear();
    splitter.take("x\n");
    CHECK(splitter.next() == "x");
  }
}

TEST_CASE("lease directory: a peer's lease that ends before the own one does is dropped in time") {
  const LeaseDirectory directory;
  EventLoop loop;
  DirectoryStore store(loop, directory.path, std::chrono::minutes(60));
  Listener listener(store);
  run_for(loop, std::chrono::milliseconds(200));
  REQUIRE(!listener.claimed.empty());
  directory.put("10.5.250.0-24", R"({"PublicIP":"192.168.0.9","PublicIPv6":null})", ::time(nullptr) + 2);
  run_for(loop, std::chrono::milliseconds(4500));
  CHECK(listener.listed == std::vector<size_t>{1, 2, 1});
}

TEST_CASE("lease directory: bad entries are passed over, told once; a full one is told once") {
  const LeaseDirectory directory;
  base::write_file_atomic(
      directory.path + "/config",
      R"({"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.1.0","Backend":{"Type":"alloc"}})",
      0644);
  const time_t later = ::time(nullptr) + 3600;
  directory.put("10.5.1.0-24", R"({"PublicIP":"192.168.0.9","PublicIPv6":null})", later);
  directory.put("x10.5.2.0-24", R"({"PublicIP":"192.168.0.8","PublicIPv6":null})", later);
  directory.put("10.5.3.0-24", "{", later);
  EventLoop loop;
  DirectoryStore store(loop, directory.path, std::chrono::minutes(60));
  Listener listener(store);
  run_for(loop, std::chrono::milliseconds(2500));
  CHECK(listener.claimed.empty());
  CHECK(listener.claim_failures == 1);
  CHECK(listener.skipped.size() == 2);
}
