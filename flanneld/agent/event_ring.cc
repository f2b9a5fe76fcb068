#include "flanneld/agent/event_ring.h"

namespace flanneld {

void EventRing::add(base::LogLevel level, std::string_view text) {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  if (!events_.empty() && events_.front().text == text) {
    events_.front().time = now;
    return;
  }
  events_.push_front({.time = now, .level = level, .text = std::string(text.substr(0, kMostBytes))});
  if (events_.size() > kMost) events_.pop_back();
}

}  // namespace flanneld
