// What the calls of the plugin took and how they failed, counted in a file that the agent shows as metrics.
// No process is asked for it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace flannel {

/// One page of memory: numbers of 64 bits, in the machine's byte order, which calls add to at once. Gone with
/// the boot.
inline constexpr const char* kCallCounters = "/run/flannel/cni-calls";

/// Upper bounds of what a call took, in milliseconds; one more counts all above.
inline constexpr std::array<uint32_t, 14> kCallBounds{1,   2,   5,    10,   25,   50,    100,
                                                      250, 500, 1000, 2500, 5000, 10000, 30000};

struct CallCounts {
  /// By code; the last one stands for all codes from there on.
  static constexpr size_t kCodes = 128;
  std::array<uint64_t, kCallBounds.size() + 1> took{};  ///< calls that succeeded, each in one of these
  uint64_t microseconds = 0;                            ///< of these, in all
  std::array<uint64_t, kCodes> failures{};
};

enum class CountedCall : uint8_t { add, del };

/// Counts a call. `code`: of its error, 0 for success. Where it cannot be counted nothing happens: no call
/// fails by it.
void count_call(CountedCall call, std::chrono::microseconds took, unsigned code,
                const char* path = kCallCounters) noexcept;

/// nullopt: no call has been counted since the boot, or the file is none of these.
std::optional<CallCounts> read_call_counts(CountedCall call, const char* path = kCallCounters) noexcept;

}  // namespace flannel
