// Points in time as people and programs read them: RFC 3339, in UTC.
#pragma once

#include <chrono>
#include <string>

namespace base {

/// "2026-11-24T15:04:05Z".
std::string time_text(std::chrono::sys_seconds time);

/// "2026-11-24T15:04:05.678Z".
std::string time_text(std::chrono::sys_time<std::chrono::milliseconds> time);

}  // namespace base
