// When this machine started. Leases older than that are taken back: an answer that is too early costs
// nothing, one that is too late would cost a pod its address.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace base {

/// A time before 2020 (in ns) was read from a clock that nobody had set yet.
inline constexpr int64_t kClockUnset = 1'577'836'800'000'000'000;

/// A file modified at most this long (ns) before the boot may be of after it: the clock that the kernel
/// reads at boot counts whole seconds.
inline constexpr int64_t kBootMargin = 2'000'000'000;

/// Names this boot of the kernel; empty if it cannot be known.
std::string read_boot_id();

/// When this boot began, in nanoseconds since the epoch; nullopt when nothing tells.
/// The earliest of several pieces of evidence: a wall clock that was set forward since boot (a resumed
/// virtual machine, a late NTP) moves "now - uptime", but not the birth of early kernel objects.
std::optional<int64_t> read_boot_time();

}  // namespace base
