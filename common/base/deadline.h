// A point in time by which something must have happened.
#pragma once

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdint>

namespace base {

/// Counts on the monotonic clock, which nobody can set.
class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds from_now) : end_(std::chrono::steady_clock::now() + from_now) {}

  [[nodiscard]] bool passed() const { return milliseconds_left() == 0; }
  /// For poll(2). Rounded up: after sleeping this long, passed() is true. 0 when it has passed.
  [[nodiscard]] int milliseconds_left() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<int64_t>(left.count(), 0, INT_MAX));
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

}  // namespace base
