#include "flanneld/probe/prober.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/error.h"
#include "flanneld/lease/clock.h"

namespace flanneld {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kLeastTick{250};  // turns that fall due meanwhile are taken together

/// A send that failed for want of memory says nothing of the way.
bool is_about_the_way(int error) { return error != EAGAIN && error != ENOBUFS && error != ENOMEM; }

}  // namespace

void RoundTrips::add(std::chrono::nanoseconds round_trip) {
  const double seconds = std::chrono::duration<double>(round_trip).count();
  for (size_t i = 0; i < kBounds.size(); ++i)
    if (seconds <= kBounds[i]) ++within[i];
  ++count;
  sum += round_trip;
}

Prober::Prober(EventLoop& loop, std::chrono::seconds interval, std::function<void(const Change&)> changed)
    : loop_(loop),
      interval_(interval),
      changed_(std::move(changed)),
      tick_(loop, [this] { tick(); }),
      deadline_(loop, [this] { give_up_late(); }) {}

Prober::~Prober() {
  for (const auto& [family, sockets] : sockets_) loop_.unwatch(sockets.fd());
}

void Prober::open_sockets() {
  for (const auto& [path, unused] : paths_) {
    const base::Family family = path.second;
    if (sockets_.contains(family)) continue;
    const auto [opened, is_new] = sockets_.try_emplace(family, family);
    ProbeSockets& sockets = opened->second;
    loop_.watch(sockets.fd(), EPOLLIN, [this, &sockets](uint32_t) {
      sockets.receive([this](const ProbeAnswer& answer) { take(answer); });
    });
    if (sockets_.size() == base::kFamilies.size()) return;
  }
}

void Prober::use(const Lease& own, const LeaseMap& leases, const PeerPlans& plans, bool has_devices,
                 uint32_t mtu) {
  if (interval_.count() == 0) return;
  const bool is_as_before = own_ == own.key && mtu_ == mtu && has_devices_ == has_devices;
  own_ = own.key;
  mtu_ = mtu;
  has_devices_ = has_devices;
  std::erase_if(paths_, [&](const auto& one) {
    const bool goes = !plans.contains(one.first.first);
    if (goes) remove_pending(one.first);
    return goes;
  });
  for (const auto& [key, planned] : plans) {
    const auto known = paths_.lower_bound({key, base::Family::v4});
    const bool is_known =
        known != paths_.end() && known->first.first == key && known->second.plan == planned.plan;
    if (is_known && is_as_before) continue;
    if (const auto lease = leases.find(key); lease != leases.end())
      use_peer(key, planned.plan, make_probe_targets(own, lease->second, *planned.plan, has_devices));
  }
  std::erase_if(fresh_, [this](const ProbePath& path) { return !paths_.contains(path); });
  try {
    open_sockets();
    problem_.reset();
  } catch (const base::SystemError& error) {
    problem_ = fmt::format("peers are not asked for answers: {}{}", error.what(),
                           error.error_number() == EPERM ? "; the agent lacks CAP_NET_RAW" : "");
  }
  schedule();
}

void Prober::use_peer(const LeaseKey& key, const std::shared_ptr<const PeerPlan>& plan,
                      const std::map<base::Family, ProbeTarget>& targets) {
  for (const base::Family family : base::kFamilies) {
    const ProbePath path{key, family};
    const auto target = targets.find(family);
    const auto known = paths_.find(path);
    if (known != paths_.end() && target != targets.end() && known->second.target == target->second) {
      known->second.plan = plan;
      continue;
    }
    if (known != paths_.end()) {
      remove_pending(path);
      paths_.erase(known);
    }
    if (target == targets.end()) continue;
    paths_.emplace(path, Path{.plan = plan, .target = target->second});
    fresh_.push_back(path);
  }
}

void Prober::remove_pending(const ProbePath& path) {
  std::erase_if(pending_, [&](const auto& one) {
    if (one.second.path != path) return false;
    deadlines_.erase({one.second.deadline, one.first});
    return true;
  });
}

milliseconds Prober::turn_time() const {
  const milliseconds least = milliseconds(std::chrono::seconds(paths_.size())) / kMostTurns;
  return interval_.count() == 0 ? milliseconds(0) : std::max(milliseconds(interval_), least);
}

milliseconds Prober::tick_gap() const {
  return std::max(kLeastTick, turn_time() / static_cast<int>(paths_.size()));
}

void Prober::schedule() {
  if (paths_.empty() || sockets_.empty()) return tick_.cancel();
  if (!fresh_.empty() && !is_tick_near_) {
    is_tick_near_ = true;
    return tick_.start(kLeastTick);
  }
  if (!tick_.armed()) tick_.start(tick_gap());
}

void Prober::tick() {
  is_tick_near_ = false;
  for (int i = 0; i < kMostTurns / 4 && !fresh_.empty(); ++i) {
    const ProbePath key = fresh_.front();
    fresh_.pop_front();
    if (const auto path = paths_.find(key); path != paths_.end()) begin_turn(key, path->second);
  }
  if (fresh_.empty() && !paths_.empty()) {
    const milliseconds gap = tick_gap();
    credit_ += static_cast<double>(gap.count()) * static_cast<double>(paths_.size()) /
               static_cast<double>(turn_time().count());
    while (credit_ >= 1) {
      credit_ -= 1;
      auto next = last_ ? paths_.upper_bound(*last_) : paths_.begin();
      if (next == paths_.end()) next = paths_.begin();
      last_ = next->first;
      begin_turn(next->first, next->second);
    }
  }
  schedule();
}

void Prober::begin_turn(const ProbePath& key, Path& path) {
  if (path.trial) return;  // the last one is not over: it searches for a size
  path.record.said.clear();
  path.trial = std::make_unique<Trial>(path.record, mtu_, path.target.fallback.has_value());
  send(key, path, path.trial->begin());
}

/// What cannot be sent is lost at once, and leads to other requests.
void Prober::send(const ProbePath& key, Path& path, std::vector<ProbeRequest> requests) {
  while (!requests.empty()) {
    const ProbeRequest request = requests.back();
    requests.pop_back();
    const auto sockets = sockets_.find(key.second);
    const uint64_t cookie = make_cookie();
    const auto now = Clock::now();
    const int error = sockets == sockets_.end()
                          ? EPERM
                          : sockets->second.send(path.target, request.means, request.size, cookie);
    ++counters_.sent;
    if (error != 0 && is_about_the_way(error) && error != EMSGSIZE)
      path.record.said = fmt::format("this node: {}", std::strerror(error));
    if (error == EMSGSIZE) {
      ProbeRequest last = request;
      last.attempt = INT16_MAX;  // it will not fit next time either
      for (const ProbeRequest& more : path.trial->lost(last)) requests.push_back(more);
      continue;
    }
    const auto deadline = now + request.patience;
    pending_.emplace(cookie, Pending{key, request, now, deadline});
    deadlines_.emplace(deadline, cookie);
  }
  finish_if_over(key, path);
  arm_deadline();
}

void Prober::take(const ProbeAnswer& answer) {
  const auto found = pending_.find(answer.cookie);
  if (found == pending_.end()) return;
  const auto path = paths_.find(found->second.path);
  if (path == paths_.end()) return;
  const bool is_answer =
      answer.kind == ProbeAnswer::Kind::reply || answer.kind == ProbeAnswer::Kind::port_error ||
      (answer.kind == ProbeAnswer::Kind::error && path->second.target.is_peer(answer.from));
  if (!is_answer) {
    path->second.record.said = fmt::format("{}: {}", answer.from, answer.text);
    return;  // it is lost, but may come to another end by another attempt
  }
  const Pending pending = found->second;
  deadlines_.erase({pending.deadline, answer.cookie});
  pending_.erase(found);
  const auto round_trip = Clock::now() - pending.sent;
  ++counters_.answered;
  if (pending.request.size == kSmallProbe) counters_.round_trips.add(round_trip);
  send(path->first, path->second, path->second.trial->answered(pending.request, round_trip));
}

void Prober::give_up_late() {
  const auto now = Clock::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto found = pending_.find(deadlines_.begin()->second);
    deadlines_.erase(deadlines_.begin());
    const Pending pending = found->second;
    pending_.erase(found);
    if (const auto path = paths_.find(pending.path); path != paths_.end())
      send(path->first, path->second, path->second.trial->lost(pending.request));
  }
  arm_deadline();
}

void Prober::arm_deadline() {
  if (deadlines_.empty()) return deadline_.cancel();
  const auto left = deadlines_.begin()->first - Clock::now();
  deadline_.start(std::max(milliseconds(1), std::chrono::ceil<milliseconds>(left)));
}

void Prober::finish_if_over(const ProbePath& key, Path& path) {
  if (!path.trial || !path.trial->is_over()) return;
  const ProbeState before = path.record.state, now = path.trial->outcome();
  path.trial.reset();
  if (now == ProbeState::reached) path.record.said.clear();
  if (now == ProbeState::unknown)
    path.record.said = fmt::format(
        "it answers at {}, not at {}: it has had no pod yet, or packets with pods' addresses do not pass",
        *path.target.fallback, path.target.address);
  if (before == now) return;
  path.record.state = now;
  path.record.since = system_now();
  changed_({.path = key, .before = before, .now = now});
}

ProbeResults Prober::results() const {
  ProbeResults results;
  for (const auto& [key, path] : paths_)
    results.emplace_hint(results.end(), key, ProbeResult{path.target, path.record});
  return results;
}

}  // namespace flanneld
