// Somebody beside stderr who gets the lines of the log. For a program with one thread.
#pragma once

#include <functional>
#include <string_view>

#include "common/base/log.h"

namespace base {

/// Gets each line that is written, as text without control characters, except those for debugging, until it
/// is destroyed or another one is made. What it is called for must not log.
class LogObserver {
 public:
  using Take = std::function<void(LogLevel level, std::string_view text)>;
  explicit LogObserver(Take take);
  LogObserver(const LogObserver&) = delete;
  LogObserver& operator=(const LogObserver&) = delete;
  ~LogObserver();

  void take(LogLevel level, std::string_view text) const { take_(level, text); }

 private:
  Take take_;
};

}  // namespace base
