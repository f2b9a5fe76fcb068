// Times as the kernel gives them, as plain numbers of nanoseconds.
#pragma once

#include <cstdint>

namespace base {

inline constexpr int64_t kSecond = 1'000'000'000;  ///< in ns

/// The nanoseconds of a timespec or a statx_timestamp.
template <class Time>
constexpr int64_t nanoseconds(const Time& time) {
  return time.tv_sec * kSecond + time.tv_nsec;
}

}  // namespace base
