#include "flanneld/probe/trial.h"

#include <doctest/doctest.h>

#include <deque>
#include <functional>

using flanneld::ProbeMeans;
using flanneld::ProbeRecord;
using flanneld::ProbeRequest;
using flanneld::ProbeState;
using flanneld::Trial;

namespace {

constexpr uint32_t kMtu = 1450;
constexpr std::chrono::microseconds kRoundTrip{300};

/// One turn on a way that answers what `passes` says; how many packets it took.
size_t run(ProbeRecord& record, const std::function<bool(const ProbeRequest&)>& passes) {
  Trial trial(record, kMtu);
  std::deque<ProbeRequest> sent;
  const auto send = [&](const std::vector<ProbeRequest>& more) {
    sent.insert(sent.end(), more.begin(), more.end());
  };
  send(trial.begin());
  size_t count = 0;
  for (; !sent.empty() && count < 200; ++count) {
    const ProbeRequest request = sent.front();
    sent.pop_front();
    send(passes(request) ? trial.answered(request, kRoundTrip) : trial.lost(request));
  }
  CHECK(trial.is_over());
  record.state = trial.outcome();
  return count;
}

}  // namespace

TEST_CASE("trial: a peer that is well takes three packets") {
  ProbeRecord record;
  CHECK(run(record, [](const ProbeRequest&) { return true; }) == 3);
  CHECK(record.state == ProbeState::reached);
  CHECK(record.round_trip == kRoundTrip);
  CHECK(record.loss() == 0);
}

TEST_CASE("trial: a peer from which nothing comes back is asked six times") {
  ProbeRecord record;
  CHECK(run(record, [](const ProbeRequest&) { return false; }) == 6);
  CHECK(record.state == ProbeState::silent);
  CHECK(record.loss() == 1);
  CHECK(!record.round_trip);
  CHECK(run(record, [](const ProbeRequest&) { return true; }) == 3);
  CHECK(record.state == ProbeState::reached);
  CHECK(record.loss() == doctest::Approx(0.75));
}

TEST_CASE("trial: the largest packet that passes is found, and is soon known again") {
  for (const uint32_t most : {64U, 65U, 576U, 1400U, 1449U}) {
    CAPTURE(most);
    ProbeRecord record;
    const auto passes = [&](const ProbeRequest& request) { return request.size <= most; };
    CHECK(run(record, passes) < 35);
    CHECK(record.state == ProbeState::small_only);
    CHECK(record.path_mtu == most);
    CHECK(run(record, passes) <= (most == 64 ? 30 : 6));
    CHECK(record.path_mtu == most);
    CHECK(run(record, [](const ProbeRequest&) { return true; }) == 3);
    CHECK(record.state == ProbeState::reached);
  }
}

TEST_CASE(
    "trial: checksums that only the interface makes wrong are told from a peer that takes no datagrams") {
  ProbeRecord record;
  run(record, [](const ProbeRequest& request) { return request.means != ProbeMeans::udp; });
  CHECK(record.state == ProbeState::bad_checksums);
  run(record, [](const ProbeRequest& request) { return request.means == ProbeMeans::echo; });
  CHECK(record.state == ProbeState::reached);
}

TEST_CASE("trial: a peer that answers no echo is reached by datagrams, of full size too") {
  ProbeRecord record;
  run(record, [](const ProbeRequest& request) { return request.means == ProbeMeans::udp; });
  CHECK(record.state == ProbeState::reached);
  CHECK(record.loss() == 0);
  CHECK(record.round_trip == kRoundTrip);
  run(record,
      [](const ProbeRequest& request) { return request.means == ProbeMeans::udp && request.size <= 1400; });
  CHECK(record.state == ProbeState::small_only);
  CHECK(record.path_mtu == 1400);
}

TEST_CASE("trial: a peer that lacks the address is asked at the node's own") {
  ProbeRecord record;
  for (const bool runs : {true, false}) {
    Trial trial(record, kMtu, true);
    std::vector<ProbeRequest> sent = trial.begin();
    while (!sent.empty()) {
      const ProbeRequest request = sent.back();
      sent.pop_back();
      const bool is_answered = runs && request.means == ProbeMeans::node_echo;
      for (const ProbeRequest& more : is_answered ? trial.answered(request, kRoundTrip) : trial.lost(request))
        sent.push_back(more);
    }
    CHECK(trial.outcome() == (runs ? ProbeState::unknown : ProbeState::silent));
  }
}

TEST_CASE("trial: one lost packet is no verdict") {
  ProbeRecord record;
  size_t count = 0;
  run(record, [&](const ProbeRequest&) { return ++count % 2 == 0; });
  CHECK(record.state == ProbeState::reached);
  CHECK(record.loss() > 0);
  CHECK(record.loss() < 1);
}

TEST_CASE("trial: an answer is awaited for some round trips, and longer at each attempt") {
  ProbeRecord record;
  Trial first(record, kMtu);
  const ProbeRequest unknown = first.begin().front();
  CHECK(unknown.patience == std::chrono::milliseconds(250));
  CHECK(first.lost(unknown).front().patience == std::chrono::milliseconds(500));
  record.round_trip = std::chrono::milliseconds(100);
  CHECK(Trial(record, kMtu).begin().front().patience == std::chrono::milliseconds(400));
  record.round_trip = std::chrono::seconds(100);
  CHECK(Trial(record, kMtu).begin().front().patience == std::chrono::milliseconds(1000));
}
