#include "flanneld/io/event_loop.h"

#include <sys/epoll.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "common/base/clock.h"
#include "common/base/error.h"

namespace flanneld {

BootClock::time_point BootClock::now() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return time_point(duration(base::nanoseconds(now)));
}

EventLoop::EventLoop(Now now) : now_(std::move(now)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_.valid()) base::throw_errno("create epoll descriptor");
}

void EventLoop::watch(int fd, uint32_t events, FdCallback callback) {
  const auto found = watches_.find(fd);
  const bool is_new = found == watches_.end();
  const uint32_t generation = is_new ? ++last_generation_ : found->second.generation;
  epoll_event event{};
  event.events = events;
  event.data.u64 = uint64_t{generation} << 32 | static_cast<uint32_t>(fd);
  if (::epoll_ctl(epoll_.get(), is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0)
    base::throw_errno("watch a descriptor");
  watches_[fd] = {generation, std::make_shared<FdCallback>(std::move(callback))};
}

void EventLoop::unwatch(int fd) {
  if (watches_.erase(fd) == 0) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::run_timers() {
  const auto now = now_();
  while (!stopped_ && !timers_.empty() && timers_.begin()->first <= now) {
    const Callback* fire = timers_.begin()->second;
    timers_.erase(timers_.begin());
    (*fire)();
  }
}

std::optional<EventLoop::Clock::time_point> EventLoop::next_deadline() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

int EventLoop::wait_milliseconds() const {
  if (stopped_) return 0;
  if (timers_.empty()) return -1;
  const auto left = timers_.begin()->first - now_();
  const int64_t delay = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<int64_t>(delay, 0, INT32_MAX));
}

void EventLoop::run() {
  std::array<epoll_event, 16> ready;
  stopped_ = false;
  while (!stopped_) {
    const int count = ::epoll_wait(epoll_.get(), ready.data(), ready.size(), wait_milliseconds());
    if (count < 0 && errno != EINTR) base::throw_errno("wait for events");
    for (int i = 0; i < count && !stopped_; ++i) {
      const auto& event = ready.at(static_cast<size_t>(i));
      const auto found = watches_.find(static_cast<int>(event.data.u64 & UINT32_MAX));
      // An earlier callback of this round may have given the descriptor up.
      if (found == watches_.end() || found->second.generation != event.data.u64 >> 32) continue;
      const auto callback = found->second.callback;  // kept alive although it may unwatch itself
      (*callback)(event.events);
    }
    if (!stopped_) run_timers();
  }
}

void Timer::start(std::chrono::milliseconds delay) {
  cancel();
  place_ = loop_.timers_.emplace(loop_.now_() + delay, &fire_);
  armed_ = true;
}

void Timer::cancel() {
  if (!armed_) return;
  loop_.timers_.erase(place_);
  armed_ = false;
}

std::chrono::milliseconds Backoff::next() {
  const std::chrono::milliseconds whole = std::exchange(next_, std::min(next_ * 2, most_));
  uint32_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) return whole;
  return whole - whole / 2 * random / UINT32_MAX;
}

}  // namespace flanneld
