#include "flanneld/agent/page_view.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "common/base/log.h"
#include "tests/unit/flanneld/test_support.h"

using flanneld::AgentEvents;
using flanneld::AgentStatus;
using flanneld::Lease;
using flanneld::ProbeRecord;
using flanneld::ProbeState;
using namespace flanneld_test;

namespace {

constexpr std::chrono::sys_seconds kPageTime{std::chrono::hours{1}};

void add_peer(AgentStatus& status, int number, ProbeState state) {
  const Lease peer = lease(fmt::format("10.5.{}.0-24", number), fmt::format("192.168.1.{}", number));
  status.peers.emplace(peer.key, peer);
  flanneld::ProbeResult result;
  result.record.state = state;
  result.record.since = kPageTime - std::chrono::seconds(90);
  result.record.path_mtu = 1400;
  result.record.round_trip = std::chrono::microseconds(250);
  result.record.history_len = 4;
  result.record.history = 1;
  status.probes.emplace(flanneld::ProbePath{peer.key, base::Family::v4}, result);
}

std::string page_of(const AgentStatus& status, const AgentEvents& events = {}) {
  return flanneld::page::document(make_page_view(status, events, "node-1", kPageTime), "n0nce");
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("page: it says of each peer how it is reached, in table and picture") {
  AgentStatus status;
  status.mtu = 1450;
  add_peer(status, 2, ProbeState::reached);
  add_peer(status, 3, ProbeState::silent);
  add_peer(status, 4, ProbeState::small_only);
  status.problems.elsewhere = {"1 of 3 peers does not answer"};
  const std::string html = page_of(status);
  CHECK(contains(html, "1 of 3 peers reached"));
  CHECK(contains(html, "<li>1 of 3 peers does not answer</li>"));
  CHECK(contains(html, R"(<tr class="good"><td data-label="Subnet">10.5.2.0/24</td>)"));
  CHECK(contains(html, R"(<td data-label="Round trip">0.25 ms</td><td data-label="Path MTU">1450</td>)"));
  CHECK(contains(html, R"(<td data-label="Lost">25 %</td><td data-label="Since">1 min</td>)"));
  CHECK(contains(html, R"(<td data-label="Path MTU">1400 of 1450</td>)"));
  CHECK(count(html, R"(<circle class="mark )") == 3);
  CHECK(count(html, R"(<circle class="mark bad")") == 1);
  CHECK(html.find("10.5.3.0/24</td>") < html.find("10.5.2.0/24</td>"));  // trouble first
}

TEST_CASE("page: what others have written is shown, and nothing of it is markup") {
  AgentStatus status;
  Lease peer = lease("10.5.2.0-24", "192.168.1.2");
  peer.attributes.backend_type = R"(<script>alert("x")</script>)";
  status.peers.emplace(peer.key, peer);
  status.rejected.emplace(peer.key, "<img src=x onerror='y'>");
  status.problems.own = {"<b>&amp;"};
  const std::string html = page_of(status, {{.time = {}, .level = base::LogLevel::error, .text = "<i>"}});
  CHECK(contains(html, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;"));
  CHECK(contains(html, "&lt;img src=x onerror=&#39;y&#39;&gt;"));
  CHECK(contains(html, "<li>&lt;b&gt;&amp;amp;</li>"));
  CHECK(!contains(html, "<i>"));
  CHECK(count(html, "<script") == 1);
  CHECK(count(html, "nonce=\"n0nce\"") == 2);
}

TEST_CASE("page: 5,000 peers are fields of a picture, and those in trouble are rows") {
  AgentStatus status;
  for (int i = 0; i < 5000; ++i) {
    Lease peer = lease(fmt::format("10.{}.{}.0-24", i / 250, i % 250), "192.168.1.2");
    status.peers.emplace(peer.key, peer);
    status.rejected.emplace(peer.key, "no");
    if (i != 4999) status.rejected.erase(peer.key);
  }
  const std::string html = page_of(status);
  CHECK(count(html, "<rect class=\"mark unsure\"") == 5000);  // the legend has one
  CHECK(count(html, "<tr class=") == flanneld::page::kMostRows);
  CHECK(contains(html, R"(<tr class="bad"><td data-label="Subnet">10.19.249.0/24</td>)"));
  CHECK(html.size() < 1'500'000);
}

TEST_CASE("events: the log's lines are there, the latest first, and 200 of them") {
  flanneld::EventRing ring;
  base::log_info("event test: one");
  CHECK(ring.events().front().text == "event test: one");
  base::log_warning("event test: \ntwo");
  CHECK(ring.events().front().text == "event test:  two");
  for (int i = 0; i < 300; ++i) ring.add(base::LogLevel::info, fmt::format("{}", i));
  CHECK(ring.events().size() == flanneld::EventRing::kMost);
  ring.add(base::LogLevel::info, "299");
  CHECK(ring.events()[1].text == "298");
  CHECK(events_json(ring.events())[0]["text"] == "299");
}
