#include "flanneld/io/sleep_watch.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>
#include <limits>
#include <utility>

#include "common/base/clock.h"
#include "common/base/error.h"

namespace flanneld {
namespace {

std::chrono::nanoseconds time_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::nanoseconds(base::nanoseconds(now));
}

/// The monotonic clock stands still while the machine sleeps.
std::chrono::nanoseconds time_asleep() { return time_of(CLOCK_BOOTTIME) - time_of(CLOCK_MONOTONIC); }

}  // namespace

SleepWatch::SleepWatch(EventLoop& loop, Slept slept)
    : loop_(loop),
      slept_(std::move(slept)),
      fd_(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK)),
      asleep_(time_asleep()) {
  if (!fd_.valid()) base::throw_errno("watch for the machine's sleep");
  arm();
  loop_.watch(fd_.get(), EPOLLIN, [this](uint32_t) { look(); });
}

SleepWatch::~SleepWatch() { loop_.unwatch(fd_.get()); }

/// A timer that never ends, but is cancelled when the wall clock jumps: which it does at waking.
void SleepWatch::arm() {
  itimerspec never{};
  never.it_value.tv_sec = std::numeric_limits<int32_t>::max();
  never.it_value.tv_sec *= 2;
  if (::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr) != 0)
    base::throw_errno("watch for the machine's sleep");
}

void SleepWatch::look() {
  uint64_t ignored = 0;
  [[maybe_unused]] const ssize_t n = ::read(fd_.get(), &ignored, sizeof ignored);
  arm();
  const auto before = std::exchange(asleep_, time_asleep());
  const auto slept = std::chrono::floor<std::chrono::seconds>(asleep_ - before);
  if (slept.count() > 0) slept_(slept);
}

}  // namespace flanneld
