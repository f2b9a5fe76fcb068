// A network namespace for the length of a test.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>

#include <cstdlib>

#include "common/base/unique_fd.h"

/// The test's thread is inside; the destructor returns to the namespace it came from. Test with ScopedNetns
/// as fixture, and return at once when made() is false: without privileges nobody can make a namespace.
class ScopedNetns {
 public:
  ScopedNetns()
      : home_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)), made_(::unshare(CLONE_NEWNET) == 0) {
    if (!made_) MESSAGE("skipped: no right to make a network namespace");
  }
  ScopedNetns(const ScopedNetns&) = delete;
  ScopedNetns& operator=(const ScopedNetns&) = delete;
  ~ScopedNetns() {
    if (made_ && ::setns(home_.get(), CLONE_NEWNET) != 0) std::abort();
  }
  [[nodiscard]] bool made() const { return made_; }

 private:
  base::UniqueFd home_;
  bool made_;
};
