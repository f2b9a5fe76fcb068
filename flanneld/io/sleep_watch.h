// Notices that the machine was asleep (suspended, or a virtual machine that was paused and told so).
#pragma once

#include <chrono>
#include <functional>

#include "common/base/unique_fd.h"
#include "flanneld/io/event_loop.h"

namespace flanneld {

class SleepWatch {
 public:
  using Slept = std::function<void(std::chrono::seconds)>;

  /// Wakes the loop when the machine wakes, so that the timers that fell due meanwhile run at once, and calls
  /// `slept` before them. Throws SystemError.
  SleepWatch(EventLoop& loop, Slept slept);
  ~SleepWatch();
  SleepWatch(const SleepWatch&) = delete;
  SleepWatch& operator=(const SleepWatch&) = delete;

 private:
  void arm();
  void look();

  EventLoop& loop_;
  Slept slept_;
  base::UniqueFd fd_;
  std::chrono::nanoseconds asleep_{};  ///< since the machine started
};

}  // namespace flanneld
