// Tells systemd at intervals that the event loop turns (WatchdogSec= of the unit, sd_watchdog_enabled(3)): a
// loop that hangs says nothing, and systemd starts the service anew.
#pragma once

#include <chrono>
#include <optional>

#include "flanneld/io/event_loop.h"

namespace flanneld {

/// How often to tell: a third of what WATCHDOG_USEC says, if WATCHDOG_PID is this process or absent; nullopt:
/// nobody asks.
std::optional<std::chrono::milliseconds> watchdog_interval();

/// Tells for as long as it lives, if anybody asks.
class Watchdog {
 public:
  explicit Watchdog(EventLoop& loop);

 private:
  void tell();

  std::optional<std::chrono::milliseconds> interval_;
  Timer timer_;
};

}  // namespace flanneld
