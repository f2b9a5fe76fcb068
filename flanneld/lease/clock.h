// The wall clock that leases are counted by. Tests set their own time.
#pragma once

#include <chrono>
#include <functional>

namespace flanneld {

using WallClock = std::function<std::chrono::sys_seconds()>;

/// The system's time, in whole seconds.
inline std::chrono::sys_seconds system_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace flanneld
