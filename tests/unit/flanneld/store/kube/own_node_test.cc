// The own Node, read from a server that fails.
#include "flanneld/store/kube/own_node.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/flanneld/store/kube/loop_server.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using flanneld_test::contains;
using std::chrono::seconds;

namespace {

/// Of a Node that has all that it needs.
std::string node_text(int version) {
  return fmt::format(R"({{"kind":"Node","metadata":{{"name":"n1","uid":"u1","resourceVersion":"{}"}},)"
                     R"("spec":{{"podCIDR":"10.0.1.0/24","podCIDRs":["10.0.1.0/24"]}},"status":{{}}}})",
                     version);
}

KubeNode event_of(int version) {
  KubeNode node;
  node.name = "n1";
  node.uid = "u1";
  node.resource_version = fmt::format("{}", version);
  return node;
}

}  // namespace

TEST_CASE("kube own node: what an event announces is read again when the server failed, until it is known") {
  flanneld_test::FastLoop time;
  bool is_dead = false;
  flanneld_test::LoopServer server(time.loop, [&](const std::string& request) {
    CHECK(contains(request, "GET /api/v1/nodes/n1"));
    return is_dead ? flanneld_test::http_answer("502 Bad Gateway", "")
                   : flanneld_test::http_answer("200 OK", node_text(6));
  });
  KubeClient client = flanneld_test::client_of(time.loop, server.port);
  int failures = 0;
  bool is_answered = true;
  std::string known;
  OwnNode own(time.loop, client, "n1", "x/", OwnNode::Condition::left_alone,
              {.known = [&](const KubeNode& node) { known = node.resource_version; },
               .published = [](const Lease&) {},
               .waits = [](const std::string&) {},
               .failed =
                   [&](const std::string&) {
                     is_answered = false;
                     if (++failures == 2) is_dead = false;
                   },
               .answered =
                   [&] {
                     is_answered = true;
                     if (failures > 0) time.loop.stop();
                   },
               .contested = [](const std::string&) {}});
  Timer limit(time.loop, [&] { time.loop.stop(); });
  limit.start(seconds(120));
  own.see(parse_kube_node(node_text(4), "x/"), OwnNode::Seen::in_list);
  is_dead = true;
  own.see(event_of(5), OwnNode::Seen::in_event);
  time.loop.run();
  CHECK(failures == 2);
  CHECK(is_answered);
  CHECK(known == "6");
}
