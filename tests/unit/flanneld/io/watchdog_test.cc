#include "flanneld/io/watchdog.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

using namespace flanneld;
using std::chrono::milliseconds;

namespace {

std::optional<milliseconds> interval(const char* limit, const char* process) {
  limit ? ::setenv("WATCHDOG_USEC", limit, 1) : ::unsetenv("WATCHDOG_USEC");
  process ? ::setenv("WATCHDOG_PID", process, 1) : ::unsetenv("WATCHDOG_PID");
  const auto result = watchdog_interval();
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
  return result;
}

}  // namespace

TEST_CASE("watchdog: three signs of life come within the time that systemd gives") {
  CHECK(interval("60000000", nullptr) == milliseconds(20001));
  CHECK(interval("60000000", fmt::format("{}", ::getpid()).c_str()) == milliseconds(20001));
}

TEST_CASE("watchdog: nothing is told that nobody asks this process for") {
  CHECK_FALSE(interval(nullptr, nullptr));
  CHECK_FALSE(interval("60000000", "1"));  // a parent's
  CHECK_FALSE(interval("60000000", "x"));
  CHECK_FALSE(interval("0", nullptr));
  CHECK_FALSE(interval("60s", nullptr));
  CHECK_FALSE(interval("99999999999999999999", nullptr));
}
