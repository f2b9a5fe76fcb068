// An event loop whose time passes only when the test says so.
#pragma once

#include <chrono>
#include <stdexcept>

#include "flanneld/io/event_loop.h"

namespace test {

class FakeTime {
 public:
  /// Lets `duration` pass, and calls each timer at its deadline. Throws std::invalid_argument if it is
  /// negative: a test has reckoned wrongly.
  void advance(std::chrono::milliseconds duration) {
    if (duration.count() < 0) throw std::invalid_argument("time does not go back");
    const auto end = now_ + duration;
    for (auto next = loop.next_deadline(); next && *next <= end; next = loop.next_deadline()) {
      now_ = std::max(now_, *next);
      loop.run_timers();
    }
    now_ = end;
  }

  /// The wall clock that goes with it, in whole seconds.
  [[nodiscard]] std::chrono::sys_seconds wall() const {
    return std::chrono::sys_seconds(std::chrono::floor<std::chrono::seconds>(now_.time_since_epoch()));
  }

  flanneld::EventLoop loop{[this] { return now_; }};

 private:
  flanneld::EventLoop::Clock::time_point now_{std::chrono::hours(1'000'000)};
};

}  // namespace test
