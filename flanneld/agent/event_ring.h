// The last things that happened to the node, for people who come later.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "common/base/log.h"
#include "common/base/log_observer.h"

namespace flanneld {

struct AgentEvent {
  std::chrono::sys_time<std::chrono::milliseconds> time;
  base::LogLevel level = base::LogLevel::info;
  std::string text;
};
/// The latest first.
using AgentEvents = std::deque<AgentEvent>;

/// Has what the log has: each line there is a thing that happened, and says why.
class EventRing {
 public:
  static constexpr size_t kMost = 200, kMostBytes = 1000;

  /// For things that are not worth a line of the log. The same thing again only moves to the top.
  void add(base::LogLevel level, std::string_view text);
  [[nodiscard]] const AgentEvents& events() const { return events_; }

 private:
  AgentEvents events_;
  base::LogObserver observer_{[this](base::LogLevel level, std::string_view text) { add(level, text); }};
};

}  // namespace flanneld
