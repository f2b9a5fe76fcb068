// Bounds how much is logged, whatever happens: the same line once a minute, and so many lines in all. What is
// held back is counted, and the count is told. Pure: knows no clock and no file.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/log.h"

namespace base {

struct LogLine {
  LogLevel level = LogLevel::info;
  std::string text;
  bool operator==(const LogLine&) const = default;
};

class LogLimiter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kSameLine{60};
  /// So many lines may come at once, and one more each second. Errors and warnings have a bound of their own,
  /// which news cannot use up.
  static constexpr size_t kBurst = 200;

  /// What is to be written when this line comes: the counts that are due, and the line unless it is held
  /// back.
  std::vector<LogLine> admit(LogLevel level, std::string_view text, Time now);
  /// The lines that were held back for a minute, with their numbers.
  std::vector<LogLine> due(Time now);
  /// All that were held back.
  std::vector<LogLine> rest();

 private:
  struct Written {
    Time at;
    size_t held_back = 0;
  };
  /// Lines that may still be written, filled up with time.
  struct Allowance {
    size_t lines = kBurst;
    Time filled_at{};
    size_t left_out = 0;
    Time first_left_out{};
  };

  [[nodiscard]] bool take_one(Allowance& allowance, Time now);
  template <class IsDue>
  std::vector<LogLine> collect(Time now, IsDue&& is_due);

  std::map<std::pair<LogLevel, std::string>, Written, std::less<>> written_;
  Allowance troubles_, news_;
  Time looked_at_{};
};

}  // namespace base
