#include "common/base/boot.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <exception>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/text.h"

namespace base {
namespace {

std::optional<int64_t> clock_ns(clockid_t clock) {
  timespec now{};
  if (::clock_gettime(clock, &now) != 0) return std::nullopt;
  return nanoseconds(now);
}

/// The oldest time that the kernel gives for an object that it made while it started.
std::optional<int64_t> oldest_time(const char* path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path, 0, STATX_MTIME | STATX_CTIME | STATX_BTIME, &status) != 0) return std::nullopt;
  std::optional<int64_t> oldest;
  const auto consider = [&](unsigned field, const statx_timestamp& stamp) {
    if ((status.stx_mask & field) == 0) return;
    const int64_t time = nanoseconds(stamp);
    oldest = std::min(oldest.value_or(time), time);
  };
  consider(STATX_BTIME, status.stx_btime);
  consider(STATX_CTIME, status.stx_ctime);
  consider(STATX_MTIME, status.stx_mtime);
  return oldest;
}

}  // namespace

std::string read_boot_id() {
  try {
    return std::string(trimmed(read_file("/proc/sys/kernel/random/boot_id", 64).value_or("")));
  } catch (const std::exception&) {
    return {};
  }
}

std::optional<int64_t> read_boot_time() {
  const auto now = clock_ns(CLOCK_REALTIME);
  const auto uptime = clock_ns(CLOCK_BOOTTIME);
  if (!now || !uptime) return std::nullopt;
  int64_t boot = *now - *uptime;
  bool has_evidence = false;
  // The roots of devtmpfs, proc and sysfs: each exists once and since before the first program ran.
  for (const char* path : {"/dev", "/proc", "/sys"}) {
    const auto time = oldest_time(path);
    // Some machines get their time from a clock that a late driver reads; /dev is older than that.
    if (!time || *time < kClockUnset) continue;
    has_evidence = true;
    boot = std::min(boot, *time);
  }
  if (!has_evidence || boot < kClockUnset) return std::nullopt;
  return boot;
}

}  // namespace base
