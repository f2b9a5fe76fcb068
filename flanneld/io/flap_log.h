// Lines of the log about things that may change again and again, each time with another text: one line a
// minute about each thing, and how many there were.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/log.h"
#include "common/base/log_limiter.h"

namespace flanneld {

class FlapLog {
 public:
  /// Logs `text`, unless there was a line about the same thing within a minute. `about` names that thing, for
  /// the line that tells how often it came, which a later call of this writes.
  void log(base::LogLevel level, std::string_view about, std::string_view text);

 private:
  base::LogLimiter limiter_;
};

/// What log() would write, as the limiter has it. Pure.
std::vector<base::LogLine> admit_flap(base::LogLimiter& limiter, base::LogLine line, std::string_view about,
                                      base::LogLimiter::Time now);

}  // namespace flanneld
