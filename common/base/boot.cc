#include "common/base/boot.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <exception>

#include "cni-ipam/store/address_store.h"
#include "cni-ipam/store/lease_file.h"
#include "common/base/file.h"

namespace ipam {
namespace {

std::optional<int64_t> clock_ns(clockid_t clock) {
  timespec now{};
  if (::clock_gettime(clock, &now) != 0) return std::nullopt;
  return now.tv_sec * kSecond + now.tv_nsec;
}

/// The oldest time that the kernel knows of an object it made while it started.
std::optional<int64_t> witness(const char* path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path, 0, STATX_MTIME | STATX_CTIME | STATX_BTIME, &status) != 0) return std::nullopt;
  std::optional<int64_t> oldest;
  const auto hear = [&](unsigned field, const statx_timestamp& stamp) {
    if ((status.stx_mask & field) == 0) return;
    const int64_t time = stamp.tv_sec * kSecond + stamp.tv_nsec;
    oldest = std::min(oldest.value_or(time), time);
  };
  hear(STATX_BTIME, status.stx_btime);
  hear(STATX_CTIME, status.stx_ctime);
  hear(STATX_MTIME, status.stx_mtime);
  return oldest;
}

}  // namespace

std::string read_boot_id() {
  try {
    return std::string(trim(base::read_file("/proc/sys/kernel/random/boot_id", 64).value_or("")));
  } catch (const std::exception&) {
    return {};
  }
}

std::optional<int64_t> read_boot_time() {
  const auto now = clock_ns(CLOCK_REALTIME);
  const auto uptime = clock_ns(CLOCK_BOOTTIME);
  if (!now || !uptime) return std::nullopt;
  int64_t boot = *now - *uptime;
  bool heard = false;
  // The roots of devtmpfs, proc and sysfs: each exists once and since before the first program ran.
  for (const char* path : {"/dev", "/proc", "/sys"}) {
    const auto time = witness(path);
    // Some machines get their time from a clock that a late driver reads; /dev is older than that.
    if (!time || *time < kClockUnset) continue;
    heard = true;
    boot = std::min(boot, *time);
  }
  if (!heard || boot < kClockUnset) return std::nullopt;
  return boot;
}

}  // namespace ipam
