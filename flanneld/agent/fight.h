// Notices that somebody else changes again and again what the agent keeps, and says so. Pure: knows no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "flanneld/io/event_loop.h"

namespace flanneld {

class Fight {
 public:
  using Time = EventLoop::Clock::time_point;
  static constexpr size_t kTimes = 3;
  static constexpr std::chrono::minutes kWithin{10};

  /// So often foreign changes of the packet filter's rules have been undone since the start. True: it has
  /// just become a fight.
  bool note(uint64_t restored, Time now);
  /// What to tell while it goes on; nullopt: nothing.
  [[nodiscard]] std::optional<std::string> problem(Time now) const;

 private:
  uint64_t restored_ = 0;
  std::deque<Time> recent_;  ///< the last kTimes
};

}  // namespace flanneld
