// Whole Nodes are read without haste: by the fetcher alone, and by the store that many Nodes join.
#include "flanneld/store/kube/node_fetcher.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>
#include <vector>

#include "flanneld/store/kube/store.h"
#include "tests/unit/flanneld/store/kube/loop_server.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using flanneld_test::contains;
using flanneld_test::FastLoop;
using flanneld_test::http_answer;
using flanneld_test::LoopServer;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr const char* kMarked =
    R"("annotations":{"x/kube-subnet-manager":"true","x/backend-type":"host-gw","x/public-ip":"192.0.2.9"})";

/// "n7" of "GET /api/v1/nodes/n7?…"; empty: it asks for something else.
std::string name_in(const std::string& request) {
  const std::string begin = "GET /api/v1/nodes/";
  return request.starts_with(begin)
             ? request.substr(begin.size(), request.find_first_of("? ", begin.size()) - begin.size())
             : "";
}

std::string whole(const std::string& name) {
  return fmt::format(
      R"({{"kind":"Node","metadata":{{"name":"{}","uid":"u","resourceVersion":"7",{}}},"spec":{{"podCIDR":"10.0.1.0/24"}}}})",
      name, kMarked);
}

}  // namespace

TEST_CASE("kube node fetcher: Nodes that all others read too are read at the pace of the cluster's size") {
  FastLoop time;
  std::vector<std::string> versions;
  LoopServer server(time.loop, [&](const std::string& request) {
    versions.push_back(request.substr(0, request.find(" HTTP")));
    return http_answer("200 OK", whole(name_in(request)));
  });
  KubeClient client = flanneld_test::client_of(time.loop, server.port);
  std::set<std::string> found;
  NodeFetcher fetcher(time.loop, client, "x/", [&](const KubeNode& node) {
    found.insert(node.name);
    if (found.size() == 20) time.loop.stop();
  });
  Timer limit(time.loop, [&] { time.loop.stop(); });
  limit.start(seconds(300));
  for (int i = 0; i < 20; ++i) fetcher.fetch(fmt::format("n{}", i), "6", 5000);
  for (int i = 0; i < 20; ++i) fetcher.fetch(fmt::format("n{}", i), "7", 5000);  // none has been read yet
  CHECK(fetcher.size() == 20);
  time.loop.run();
  CHECK(found.size() == 20);
  CHECK(fetcher.size() == 0);
  CHECK(versions.size() == 20);
  for (const std::string& one : versions) CHECK(contains(one, "?resourceVersion=7"));
  CHECK(time.passed() > seconds(1));
}

TEST_CASE("kube node fetcher: a server that says no is left in peace, and asked for the newest state then") {
  FastLoop time;
  std::vector<std::string> asked;
  LoopServer server(time.loop, [&](const std::string& request) {
    asked.push_back(request.substr(0, request.find(" HTTP")));
    if (asked.size() > 1) return http_answer("200 OK", whole("n1"));
    return std::string("HTTP/1.1 429 -\r\nRetry-After: 20\r\nContent-Length: 0\r\n\r\n");
  });
  KubeClient client = flanneld_test::client_of(time.loop, server.port);
  NodeFetcher fetcher(time.loop, client, "x/", [&](const KubeNode&) { time.loop.stop(); });
  Timer limit(time.loop, [&] { time.loop.stop(); });
  limit.start(seconds(120));
  fetcher.fetch("n1", "7", 1);
  time.loop.run();
  CHECK(asked == std::vector<std::string>{"GET /api/v1/nodes/n1?resourceVersion=7", "GET /api/v1/nodes/n1"});
  CHECK(time.passed() >= seconds(20));
}

TEST_CASE("kube node fetcher: a Node that is forgotten or deleted is not read") {
  FastLoop time;
  int requests = 0;
  LoopServer server(time.loop, [&](const std::string&) {
    ++requests;
    return http_answer("404 Not Found", "");
  });
  KubeClient client = flanneld_test::client_of(time.loop, server.port);
  NodeFetcher fetcher(time.loop, client, "x/", [](const KubeNode&) { FAIL("there is none"); });
  Timer end(time.loop, [&] { time.loop.stop(); });
  end.start(seconds(60));
  fetcher.fetch("n1", "7", 1);
  fetcher.fetch("n2", "7", 1);
  fetcher.forget("n1");
  time.loop.run();
  CHECK(requests == 1);
  CHECK(fetcher.size() == 0);
}

TEST_CASE("kube store: when many Nodes join at once one list tells their podCIDRs, not a request for each") {
  constexpr int kJoined = 150;
  FastLoop time;
  int lists = 0, reads = 0;
  std::string events;
  for (int i = 0; i < kJoined; ++i)
    events += fmt::format(
        R"({{"type":"ADDED","object":{{"kind":"PartialObjectMetadata","metadata":{{"name":"n{}","uid":"u","resourceVersion":"{}",{}}}}}}})"
        "\n",
        i, i + 6, kMarked);
  LoopServer server(time.loop, [&](const std::string& request) {
    if (contains(request, "watch=true"))
      return lists == 1 ? fmt::format("HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n{}", events) : "";
    if (!name_in(request).empty()) {
      ++reads;
      return http_answer("200 OK", whole("own"));
    }
    if (++lists == 2) time.loop.stop();
    return http_answer(
        "200 OK", fmt::format(R"({{"kind":"NodeList","metadata":{{"resourceVersion":"5"}},"items":[{}]}})",
                              whole("own")));
  });
  Options options;
  options.kube_subnet_mgr = true;
  options.kube_api_url = fmt::format("http://127.0.0.1:{}", server.port);
  options.kube_annotation_prefix = "x/";
  options.network_config = R"({"Network":"10.0.0.0/16","Backend":{"Type":"host-gw"}})";
  options.kube_environment.node_name = "own";
  KubeStore store(time.loop, options, [](const std::string&) { return std::nullopt; });
  Timer limit(time.loop, [&] { time.loop.stop(); });
  limit.start(seconds(60));
  store.start([](const StoreEvent&) {});
  time.loop.run();
  CHECK(lists == 2);
  CHECK(reads == 0);
}
