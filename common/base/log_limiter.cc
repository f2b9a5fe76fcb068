#include "common/base/log_limiter.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace base {

using std::chrono::seconds;

namespace {

std::string with_count(const std::string& text, size_t count) {
  return fmt::format("{} ({} more {} within a minute)", text, count, count == 1 ? "time" : "times");
}

}  // namespace

std::vector<LogLine> LogLimiter::admit(LogLevel level, std::string_view text, Time now) {
  if (level == LogLevel::debug) return {{level, std::string(text)}};  // somebody wants to see it all
  std::vector<LogLine> lines;
  if (now - looked_at_ >= seconds(1)) lines = due(now);
  std::pair key(level, std::string(text));
  if (const auto before = written_.find(key);
      before != written_.end() && now - before->second.at < kSameLine) {
    ++before->second.held_back;
    return lines;
  }
  if (!take_one(level <= LogLevel::warning ? troubles_ : news_, now)) return lines;
  lines.push_back({level, key.second});
  written_[std::move(key)] = {.at = now};
  return lines;
}

std::vector<LogLine> LogLimiter::due(Time now) {
  looked_at_ = now;
  return collect(now, [now](Time since) { return now - since >= kSameLine; });
}

std::vector<LogLine> LogLimiter::rest() {
  return collect(looked_at_, [](Time) { return true; });
}

bool LogLimiter::take_one(Allowance& allowance, Time now) {
  const auto passed = std::chrono::floor<seconds>(now - allowance.filled_at);
  if (passed.count() > 0) {
    allowance.lines = std::min<size_t>(kBurst, allowance.lines + static_cast<size_t>(passed.count()));
    allowance.filled_at = now;
  }
  if (allowance.lines == 0) {
    if (allowance.left_out++ == 0) allowance.first_left_out = now;
    return false;
  }
  --allowance.lines;
  return true;
}

template <class IsDue>
std::vector<LogLine> LogLimiter::collect(Time now, IsDue&& is_due) {
  std::vector<LogLine> lines;
  for (auto one = written_.begin(); one != written_.end();) {
    if (!is_due(one->second.at)) {
      ++one;
    } else if (one->second.held_back == 0) {
      one = written_.erase(one);
    } else {
      lines.push_back({one->first.first, with_count(one->first.second, one->second.held_back)});
      one->second = {.at = now};
      ++one;
    }
  }
  for (Allowance* allowance : {&troubles_, &news_})
    if (allowance->left_out > 0 && is_due(allowance->first_left_out))
      lines.push_back({LogLevel::warning, fmt::format("{} more lines were left out: there were too many",
                                                      std::exchange(allowance->left_out, 0))});
  return lines;
}

}  // namespace base
