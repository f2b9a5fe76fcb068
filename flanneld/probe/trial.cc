#include "flanneld/probe/trial.h"

#include <algorithm>
#include <bit>

namespace flanneld {
namespace {

using std::chrono::milliseconds;

constexpr int kAttempts = 3, kSizeAttempts = 2;
constexpr milliseconds kLeastPatience{100}, kMostPatience{1000}, kFirstPatience{250};
constexpr uint8_t kHistory = 32;

}  // namespace

const char* name_of(ProbeState state) {
  switch (state) {
    case ProbeState::unknown:
      return "unknown";
    case ProbeState::reached:
      return "reached";
    case ProbeState::silent:
      return "silent";
    case ProbeState::small_only:
      return "small-only";
    case ProbeState::bad_checksums:
      return "bad-checksums";
  }
  return "";
}

double ProbeRecord::loss() const {
  const uint32_t counted = history_len >= kHistory ? history : history & ((1U << history_len) - 1);
  return history_len == 0 ? 0 : static_cast<double>(std::popcount(counted)) / history_len;
}

Trial::Trial(ProbeRecord& record, uint32_t mtu, bool may_lack)
    : record_(record), mtu_(std::max(mtu, kSmallProbe)), may_lack_(may_lack) {}

ProbeRequest Trial::ask(ProbeMeans means, uint32_t size, int attempt) {
  ++open_;
  milliseconds patience = kFirstPatience;
  if (record_.round_trip)
    patience =
        std::clamp(std::chrono::ceil<milliseconds>(4 * *record_.round_trip), kLeastPatience, kMostPatience);
  return {.means = means, .size = size, .attempt = attempt, .patience = patience * (1 << attempt)};
}

void Trial::note(int lost, int answered) {
  for (int i = 0; i < lost + answered; ++i) {
    record_.history = record_.history << 1 | (i < lost ? 1 : 0);
    record_.history_len = std::min<uint8_t>(kHistory, record_.history_len + 1);
  }
}

std::vector<ProbeRequest> Trial::begin() {
  return {ask(ProbeMeans::echo, kSmallProbe, 0), ask(ProbeMeans::udp, kSmallProbe, 0)};
}

std::vector<ProbeRequest> Trial::go_on() {
  std::vector<ProbeRequest> next;
  if (echo_ == Finding::no && udp_ != Finding::open && lost_echoes_ > 0) {
    if (udp_ == Finding::yes) {
      note(0, 1);  // a peer that answers no echo has not lost it
      record_.round_trip = udp_round_trip_;
    } else {
      note(lost_echoes_, 0);
    }
    lost_echoes_ = 0;
  }
  const bool is_reached =
      echo_ == Finding::yes || (echo_ == Finding::no && udp_ == Finding::yes);  // echo's answers say more
  if (is_reached && !asks_size_) {
    asks_size_ = true;
    if (mtu_ > kSmallProbe)
      next.push_back(ask(echo_ == Finding::yes ? ProbeMeans::echo : ProbeMeans::udp, mtu_, 0));
    else
      full_ = Finding::yes;
  }
  if (echo_ == Finding::yes && udp_ == Finding::no && !asks_plain_) {
    asks_plain_ = true;
    next.push_back(ask(ProbeMeans::plain_udp, kSmallProbe, 0));
  }
  if (echo_ == Finding::no && udp_ == Finding::no && may_lack_ && !asks_node_) {
    asks_node_ = true;
    next.push_back(ask(ProbeMeans::node_echo, kSmallProbe, 0));
  }
  return next;
}

std::vector<ProbeRequest> Trial::size_known(uint32_t size, bool passes) {
  if (size == mtu_) full_ = passes ? Finding::yes : Finding::no;
  if (passes && size == mtu_) {
    record_.path_mtu = 0;
    return {};
  }
  (passes ? passes_ : fails_) = size;
  const ProbeMeans means = echo_ == Finding::yes ? ProbeMeans::echo : ProbeMeans::udp;
  const uint32_t before = record_.path_mtu;
  if (passes && size == before) return {};  // as it was
  if (size == mtu_ && before > kSmallProbe && before < mtu_) return {ask(means, before, 0)};
  if (fails_ - passes_ <= 1) {
    record_.path_mtu = passes_;
    return {};
  }
  return {ask(means, passes_ + (fails_ - passes_) / 2, 0)};
}

std::vector<ProbeRequest> Trial::answered(const ProbeRequest& request, std::chrono::nanoseconds round_trip) {
  --open_;
  if (request.size != kSmallProbe) return size_known(request.size, true);
  switch (request.means) {
    case ProbeMeans::echo:
      echo_ = Finding::yes;
      note(lost_echoes_, 1);
      record_.round_trip = round_trip;
      break;
    case ProbeMeans::udp:
      udp_ = Finding::yes;
      udp_round_trip_ = round_trip;
      break;
    case ProbeMeans::plain_udp:
      plain_udp_ = Finding::yes;
      break;
    case ProbeMeans::node_echo:
      node_ = Finding::yes;
      break;
  }
  return go_on();
}

std::vector<ProbeRequest> Trial::lost(const ProbeRequest& request) {
  --open_;
  const bool is_small = request.size == kSmallProbe;
  if (is_small && request.means == ProbeMeans::echo) ++lost_echoes_;
  const int most = is_small || request.size == mtu_ ? kAttempts : kSizeAttempts;
  if (request.attempt + 1 < most) return {ask(request.means, request.size, request.attempt + 1)};
  if (!is_small) return size_known(request.size, false);
  switch (request.means) {
    case ProbeMeans::echo:
      echo_ = Finding::no;
      break;
    case ProbeMeans::udp:
      udp_ = Finding::no;
      break;
    case ProbeMeans::plain_udp:
      plain_udp_ = Finding::no;
      break;
    case ProbeMeans::node_echo:
      node_ = Finding::no;
      break;
  }
  return go_on();
}

ProbeState Trial::outcome() const {
  if (echo_ == Finding::no && udp_ == Finding::no)
    return node_ == Finding::yes ? ProbeState::unknown : ProbeState::silent;
  if (udp_ == Finding::no && plain_udp_ == Finding::yes) return ProbeState::bad_checksums;
  return full_ == Finding::no ? ProbeState::small_only : ProbeState::reached;
}

}  // namespace flanneld
