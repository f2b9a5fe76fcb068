#include "common/base/time_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace base {
namespace {

/// "2026-11-24T15:04:05".
std::string date_and_time(std::chrono::sys_seconds time) {
  const auto midnight = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss clock(time - midnight);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace

std::string time_text(std::chrono::sys_seconds time) { return fmt::format("{}Z", date_and_time(time)); }

std::string time_text(std::chrono::sys_time<std::chrono::milliseconds> time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{}.{:03}Z", date_and_time(seconds), (time - seconds).count());
}

std::string duration_text(std::chrono::seconds duration) {
  constexpr int64_t kTwoDays = 172800;
  const auto seconds = std::max<int64_t>(0, duration.count());
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min", seconds / 60);
  if (seconds < kTwoDays) return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{} days", seconds / 86400);
}

}  // namespace base
