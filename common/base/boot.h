// When this machine started, said with caution: leases older than that are taken back, so an answer
// that is too early costs nothing and one that is too late would cost a pod its address.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace ipam {

/// A time before 2020 (in ns) was read from a clock that nobody had set yet.
inline constexpr int64_t kClockUnset = 1'577'836'800'000'000'000;

/// What was modified at most this long (ns) before the boot may be of after it: the clock that is read at
/// boot counts whole seconds.
inline constexpr int64_t kBootMargin = 2'000'000'000;

/// Names this boot of the kernel; empty if it cannot be known.
std::string read_boot_id();

/// Nanoseconds of the epoch, on the wall clock as it stood then; nullopt when there is no evidence.
/// Never later than any of its witnesses: a wall clock that was set forward since boot (a resumed
/// virtual machine, a late NTP) moves "now - uptime" but not the birth of early kernel objects.
std::optional<int64_t> read_boot_time();

/// What the store must know of the machine. Tests give their own.
struct Machine {
  std::string state_directory = "/run/cni/flannel-ipam";  ///< lost at a reboot, or judged by boot_id
  std::function<std::string()> boot_id = read_boot_id;
  std::function<std::optional<int64_t>()> boot_time = read_boot_time;
};

}  // namespace ipam
