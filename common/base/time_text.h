// Points in time as people and programs read them: RFC 3339, in UTC. Durations as people do.
#pragma once

#include <chrono>
#include <string>

namespace base {

/// "2026-11-24T15:04:05Z".
std::string time_text(std::chrono::sys_seconds time);

/// "2026-11-24T15:04:05.678Z".
std::string time_text(std::chrono::sys_time<std::chrono::milliseconds> time);

/// "42 s", "7 min", "3 h 5 min", "2 days"; less than nothing is "0 s".
std::string duration_text(std::chrono::seconds duration);

}  // namespace base
