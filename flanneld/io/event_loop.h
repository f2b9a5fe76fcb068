// The event loop of the program's only thread: descriptors and timers. A callback returns before the next one
// runs, so neither this nor its users need a lock.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/unique_fd.h"

namespace flanneld {

/// Counts while the machine sleeps, as the world outside does, and cannot be set.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
  static time_point now();
};

/// Must outlive the timers and watches made on it.
class EventLoop {
 public:
  using Clock = BootClock;
  using Callback = std::function<void()>;
  /// Gets the EPOLL* bits that are ready.
  using FdCallback = std::function<void(uint32_t events)>;
  using Now = std::function<Clock::time_point()>;

  /// `now` is the time that timers go by.
  explicit EventLoop(Now now = &Clock::now);

  /// Calls `callback` whenever one of `events` (EPOLLIN, EPOLLOUT; errors and hang-ups always count) is
  /// ready on `fd`, level triggered. A second call for the same descriptor replaces the first. The caller
  /// keeps the descriptor, and calls unwatch() before closing it.
  void watch(int fd, uint32_t events, FdCallback callback);
  /// Harmless for a descriptor that is not watched; its callback is not called again.
  void unwatch(int fd);

  /// Serves until stop(). Exceptions of callbacks pass through.
  void run();
  void stop() { stopped_ = true; }

  /// When the next timer is due; nullopt if none is armed.
  [[nodiscard]] std::optional<Clock::time_point> next_deadline() const;
  /// Calls the timers that are due now.
  void run_timers();

 private:
  friend class Timer;
  using Timers = std::multimap<Clock::time_point, Callback*>;

  /// A descriptor's number is given to another file as soon as it is closed. The generation tells an event
  /// of the watch that is over from one of the watch that has the number now.
  struct Watch {
    uint32_t generation = 0;
    std::shared_ptr<FdCallback> callback;
  };

  [[nodiscard]] int wait_milliseconds() const;

  Now now_;
  base::UniqueFd epoll_;
  std::map<int, Watch> watches_;
  uint32_t last_generation_ = 0;
  Timers timers_;
  bool stopped_ = false;
};

/// One deadline on a loop. Neither movable nor copyable; its destruction cancels it.
class Timer {
 public:
  Timer(EventLoop& loop, EventLoop::Callback callback) : loop_(loop), callback_(std::move(callback)) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  /// Calls the callback once, `delay` from now; an earlier deadline of this timer is dropped.
  void start(std::chrono::milliseconds delay);
  void cancel();
  [[nodiscard]] bool armed() const { return armed_; }

 private:
  friend class EventLoop;
  EventLoop& loop_;
  EventLoop::Callback callback_;
  EventLoop::Callback fire_ = [this] {
    armed_ = false;
    callback_();
  };
  EventLoop::Timers::iterator place_;
  bool armed_ = false;
};

/// Delays that double from `first` to `most`, until reset() after a success. Each is shortened by a random
/// part of up to a half, so that agents that lost a server together do not come back together.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most)
      : first_(first), most_(most), next_(first) {}
  [[nodiscard]] std::chrono::milliseconds next();
  void reset() { next_ = first_; }

 private:
  std::chrono::milliseconds first_, most_, next_;
};

}  // namespace flanneld
