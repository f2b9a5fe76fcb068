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
  std::vector<LeaseKey> changed;
  if (is_as_before) {
    changed = find_changes(plans);
  } else {
    for (const auto& [path, unused] : paths_) changed.push_back(path.first);
    for (const auto& [key, unused] : plans) changed.push_back(key);
  }
  for (const LeaseKey& key : changed) {
    const auto planned = plans.find(key);
    const auto lease = leases.find(key);
    if (planned != plans.end() && lease != leases.end())
      use_peer(key, planned->second.plan,
               make_probe_targets(own, lease->second, *planned->second.plan, has_devices));
    else
      use_peer(key, nullptr, {});
  }
  if (!changed.empty())
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

/// Walks through both in their order. A plan that is shared is one peer's, so that no key need be compared.
std::vector<LeaseKey> Prober::find_changes(const PeerPlans& plans) const {
  std::vector<LeaseKey> changed;
  auto path = paths_.begin();
  for (auto planned = plans.begin(); planned != plans.end(); ++planned) {
    const auto is_its = [&] { return path != paths_.end() && path->second.plan == planned->second.plan; };
    while (path != paths_.end() && !is_its() && path->first.first < planned->first)
      changed.push_back((path++)->first.first);
    if (!is_its()) changed.push_back(planned->first);
    while (is_its() || (path != paths_.end() && path->first.first == planned->first)) ++path;
  }
  for (; path != paths_.end(); ++path) changed.push_back(path->first.first);
  return changed;
}

void Prober::use_peer(const LeaseKey& key, const std::shared_ptr<const PeerPlan>& plan,
                      const std::map<base::Family, ProbeTarget>& targets) {
  for (const base::Family family : base::kFamilies) {
    const ProbePath path{key, family};
    const auto target = targets.find(family);
    const auto known = paths_.find(path);
    if (known != paths_.end() && target != targets.end() && known->second.result.target == target->second) {
      known->second.plan = plan;
      continue;
    }
    if (known != paths_.end()) {
      remove_pending(path);
      paths_.erase(known);
    }
    if (target == targets.end()) continue;
    paths_.emplace(path, Path{.plan = plan, .result = {.target = target->second, .record = {}}});
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
  path.result.record.said.clear();
  path.trial = std::make_unique<Trial>(path.result.record, mtu_, path.result.target.fallback.has_value());
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
                          : sockets->second.send(path.result.target, request.means, request.size, cookie);
    ++counters_.sent;
    if (error != 0 && is_about_the_way(error) && error != EMSGSIZE)
      path.result.record.said = fmt::format("this node: {}", std::strerror(error));
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
      (answer.kind == ProbeAnswer::Kind::error && path->second.result.target.is_peer(answer.from));
  if (!is_answer) {
    path->second.result.record.said = fmt::format("{}: {}", answer.from, answer.text);
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
  const ProbeState before = path.result.record.state, now = path.trial->outcome();
  path.trial.reset();
  if (now == ProbeState::reached) path.result.record.said.clear();
  if (now == ProbeState::unknown)
    path.result.record.said = fmt::format(
        "it answers at {}, not at {}: it has had no pod yet, or packets with pods' addresses do not pass",
        *path.result.target.fallback, path.result.target.address);
  if (before == now) return;
  path.result.record.state = now;
  path.result.record.since = system_now();
  changed_({.path = key, .before = before, .now = now});
}

ProbeResults Prober::results() const {
  ProbeResults results;
  for (const auto& [key, path] : paths_) results.emplace_hint(results.end(), key, path.result);
  return results;
}

void Prober::visit(const std::function<void(const ProbePath&, const ProbeResult&)>& take) const {
  for (const auto& [key, path] : paths_) take(key, path.result);
}

}  // namespace flanneld
