#include "flanneld/io/flap_log.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

using base::LogLevel;
using base::LogLimiter;
using base::LogLine;
using std::chrono::seconds;

TEST_CASE("flap log: whatever its texts, one line a minute about one thing, and then their number") {
  constexpr LogLimiter::Time kStart{std::chrono::hours(1)};
  LogLimiter limiter;
  std::vector<LogLine> written;
  const auto log = [&](const std::string& about, const std::string& text, seconds after) {
    for (LogLine& line : flanneld::admit_flap(limiter, {LogLevel::info, text}, about, kStart + after))
      written.push_back(std::move(line));
  };
  for (int i = 0; i < 1000; ++i)
    log("peer a changed", fmt::format("peer a at 192.168.1.{}", i), seconds(i / 100));
  log("peer b changed", "peer b at 192.168.1.7", seconds(20));
  CHECK(written == std::vector<LogLine>{{LogLevel::info, "peer a at 192.168.1.0"},
                                        {LogLevel::info, "peer b at 192.168.1.7"}});
  written.clear();
  log("peer c changed", "peer c", seconds(70));
  CHECK(written == std::vector<LogLine>{{LogLevel::info, "peer a changed (999 more times within a minute)"},
                                        {LogLevel::info, "peer c"}});
}
