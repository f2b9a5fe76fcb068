#include "flanneld/io/watchdog.h"

#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "flanneld/io/sd_notify.h"

namespace flanneld {
namespace {

std::optional<uint64_t> number_in_environment(const char* name) {
  const char* text = std::getenv(name);
  if (!text) return std::nullopt;
  uint64_t number = 0;
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, number);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::chrono::milliseconds> watchdog_interval() {
  const auto limit = number_in_environment("WATCHDOG_USEC");
  constexpr uint64_t kMost = 86'400'000'000;
  if (!limit || *limit == 0 || *limit > kMost) return std::nullopt;
  const auto process = number_in_environment("WATCHDOG_PID");
  if (std::getenv("WATCHDOG_PID") && process != static_cast<uint64_t>(::getpid())) return std::nullopt;
  return std::chrono::milliseconds(*limit / 3000 + 1);
}

Watchdog::Watchdog(EventLoop& loop) : interval_(watchdog_interval()), timer_(loop, [this] { tell(); }) {
  if (interval_) tell();
}

void Watchdog::tell() {
  notify_service_manager("WATCHDOG=1");
  timer_.start(*interval_);
}

}  // namespace flanneld
