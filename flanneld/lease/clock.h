// What all lease stores share: how long a lease lives, the clock that it lives by, and chance.
#pragma once

#include <chrono>
#include <cstddef>
#include <random>

namespace flanneld {

inline constexpr std::chrono::seconds kLeaseTime = std::chrono::hours(24);  // as upstream's

inline std::chrono::sys_seconds now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

/// A number below `bound`, which is not 0.
inline size_t random_below(size_t bound) {
  static std::mt19937_64 engine{std::random_device{}()};
  return std::uniform_int_distribution<size_t>(0, bound - 1)(engine);
}

}  // namespace flanneld
