// A lock between processes that work on one directory.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "common/base/unique_fd.h"

namespace base {

/// Exclusive BSD flock(2) on a file. The destructor or the end of the process releases it.
class FileLock {
 public:
  /// Locks `name` in `dir_fd`, which is created with `mode` if absent and closed to others if it is open to
  /// them: whoever can open it can hold it. Where `name` is no file, or none can be made (a full or read-only
  /// disk), the directory itself is locked. Waits at most `timeout`, then throws SystemError with ETIMEDOUT.
  /// While it waits, SIGALRM and the process' interval timer are its own: the
  /// kernel has no lock with a timeout, and only a signal ends the wait without polling.
  static FileLock acquire(int dir_fd, const std::string& name, mode_t mode, std::chrono::seconds timeout);
  /// As acquire(), without waiting; nullopt if another process has it.
  static std::optional<FileLock> try_acquire(int dir_fd, const std::string& name, mode_t mode);
  /// Locks `path`, which is created with `mode` if absent, without waiting; nullopt if another process has
  /// it. Throws SystemError.
  static std::optional<FileLock> try_acquire(const std::string& path, mode_t mode);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace base
