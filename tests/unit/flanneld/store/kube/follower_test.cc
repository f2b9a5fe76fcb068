// The Nodes are followed through a proxy that lives on while the server behind it does not.
#include "flanneld/store/kube/follower.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "tests/unit/flanneld/store/kube/loop_server.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using flanneld_test::client_of;
using flanneld_test::contains;
using flanneld_test::FastLoop;
using flanneld_test::http_answer;
using flanneld_test::LoopServer;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// Answers each request on the loop: a list at once, a watch never. While the server is dead all else gets
/// 502.
class Proxy {
 public:
  explicit Proxy(EventLoop& loop)
      : server_(loop, [this](const std::string& request) { return answer(request); }), port(server_.port) {}

 private:
  LoopServer server_;

 public:
  uint16_t port;
  bool is_dead = false;
  int busy_watches = 0;             ///< so many are refused
  int lost_watches = 0;             ///< so many tell of a change, and then that the history is lost
  int nodes = 0;                    ///< in the list
  std::map<std::string, int> seen;  ///< requests: "list", "watch", "probe"

 private:
  std::string answer(const std::string& request) {
    if (contains(request, "watch=true")) {
      ++seen["watch"];
      if (lost_watches-- > 0) return lost_history();
      return busy_watches-- > 0 ? http_answer("429 Too Many Requests", "") : "";
    }
    ++seen[contains(request, "limit=1 ") ? "probe" : "list"];
    if (is_dead) return http_answer("502 Bad Gateway", "");
    std::string items;
    for (int i = 0; i < nodes; ++i)
      items +=
          fmt::format(R"({}{{"metadata":{{"name":"n{}","resourceVersion":"5"}}}})", i == 0 ? "" : ",", i);
    return http_answer(
        "200 OK",
        fmt::format(R"({{"kind":"NodeList","metadata":{{"resourceVersion":"5"}},"items":[{}]}})", items));
  }

  static std::string lost_history() {
    return http_answer(
        "200 OK",
        R"({"type":"MODIFIED","object":{"kind":"Node","metadata":{"name":"n1","resourceVersion":"6"}}})"
        "\n"
        R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}})"
        "\n");
  }
};

}  // namespace

TEST_CASE(
    "kube follower: a watch that says nothing is looked after; a dead server is noticed within a minute") {
  FastLoop time;
  Proxy proxy(time.loop);
  KubeClient client = client_of(time.loop, proxy.port);
  EventLoop::Clock::duration died{}, noticed{};
  std::string reason;
  NodeFollower follower(time.loop, client, "x/",
                        {.list_begins = [] {},
                         .listed = [](const KubeNode&) {},
                         .list_ends = [] {},
                         .changed = [](const KubeEvent&) {},
                         .failed =
                             [&](const std::string& said) {
                               noticed = time.passed();
                               reason = said;
                               time.loop.stop();
                             },
                         .answered = [] {}});
  Timer death(time.loop, [&] {
    died = time.passed();
    proxy.is_dead = true;
  });
  Timer limit(time.loop, [&] { time.loop.stop(); });
  follower.start();
  death.start(seconds(40));
  limit.start(seconds(300));
  time.loop.run();
  CHECK(contains(reason, "502"));
  CHECK(noticed - died < seconds(60));
  CHECK(proxy.seen["list"] == 1);
  CHECK(proxy.seen["watch"] == 1);
  CHECK(proxy.seen["probe"] >= 2);
}

TEST_CASE("kube follower: a refusal is over when the next watch is taken, though that says nothing yet") {
  FastLoop time;
  Proxy proxy(time.loop);
  proxy.busy_watches = 1;
  KubeClient client = client_of(time.loop, proxy.port);
  std::optional<EventLoop::Clock::duration> refused;
  EventLoop::Clock::duration served{};
  NodeFollower follower(time.loop, client, "x/",
                        {.list_begins = [] {},
                         .listed = [](const KubeNode&) {},
                         .list_ends = [] {},
                         .changed = [](const KubeEvent&) {},
                         .failed = [&](const std::string&) { refused = time.passed(); },
                         .answered =
                             [&] {
                               served = time.passed();
                               if (refused) time.loop.stop();
                             }});
  Timer limit(time.loop, [&] { time.loop.stop(); });
  follower.start();
  limit.start(seconds(60));
  time.loop.run();
  CHECK(proxy.seen["watch"] == 2);
  REQUIRE(refused);
  CHECK(served > *refused);
  CHECK(served - *refused < seconds(10));
}

TEST_CASE("kube follower: nodes that lose the history of changes together do not list together") {
  EventLoop::Clock::duration longest{};
  for (int i = 0; i < 10; ++i) {
    FastLoop time;
    Proxy proxy(time.loop);
    proxy.nodes = 2000;  // within 10 s
    proxy.lost_watches = 1;
    KubeClient client = client_of(time.loop, proxy.port);
    EventLoop::Clock::duration first{};
    int lists = 0;
    NodeFollower follower(time.loop, client, "x/",
                          {.list_begins =
                               [&] {
                                 if (++lists == 2) time.loop.stop();
                               },
                           .listed = [](const KubeNode&) {},
                           .list_ends = [&] { first = time.passed(); },
                           .changed = [](const KubeEvent&) {},
                           .failed = [](const std::string&) {},
                           .answered = [] {}});
    Timer limit(time.loop, [&] { time.loop.stop(); });
    follower.start();
    limit.start(seconds(2000));
    time.loop.run();
    REQUIRE(lists == 2);
    longest = std::max(longest, time.passed() - first);
  }
  CHECK(longest > seconds(1));  // but once in ten thousand million times
}
