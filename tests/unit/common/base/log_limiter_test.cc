#include "common/base/log_limiter.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

using base::LogLevel;
using base::LogLimiter;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr LogLimiter::Time kStart{std::chrono::hours(1)};

std::vector<std::string> texts(const std::vector<base::LogLine>& lines) {
  std::vector<std::string> texts;
  for (const base::LogLine& line : lines) texts.push_back(line.text);
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("log limiter: the same line comes once a minute, then with the number of those held back") {
  LogLimiter limiter;
  size_t written = 0;
  for (int i = 0; i < 3000; ++i)
    written += limiter.admit(LogLevel::info, "flaps", kStart + milliseconds(i)).size();
  CHECK(written == 1);
  CHECK(texts(limiter.admit(LogLevel::info, "else", kStart + seconds(4))) == Texts{"else"});
  CHECK(limiter.due(kStart + seconds(59)).empty());
  CHECK(texts(limiter.due(kStart + seconds(60))) == Texts{"flaps (2999 more times within a minute)"});
  CHECK(limiter.admit(LogLevel::info, "flaps", kStart + seconds(61)).empty());  // that was this minute's
  CHECK(texts(limiter.due(kStart + seconds(121))) == Texts{"flaps (1 more time within a minute)"});
  CHECK(limiter.due(kStart + seconds(300)).empty());
  CHECK(texts(limiter.admit(LogLevel::info, "flaps", kStart + seconds(301))) == Texts{"flaps"});
}

TEST_CASE("log limiter: the count is told by the next line, whichever it is, and at the end") {
  LogLimiter limiter;
  (void)limiter.admit(LogLevel::error, "no", kStart);
  (void)limiter.admit(LogLevel::error, "no", kStart + seconds(1));
  CHECK(texts(limiter.admit(LogLevel::info, "yes", kStart + seconds(70))) ==
        Texts{"no (1 more time within a minute)", "yes"});
  (void)limiter.admit(LogLevel::error, "no", kStart + seconds(71));
  CHECK(texts(limiter.rest()) == Texts{"no (1 more time within a minute)"});
  CHECK(limiter.rest().empty());
}

TEST_CASE("log limiter: levels are told apart, and a line may hold anything") {
  LogLimiter limiter;
  CHECK(limiter.admit(LogLevel::info, "", kStart).size() == 1);
  CHECK(limiter.admit(LogLevel::warning, "", kStart).size() == 1);
  CHECK(limiter.admit(LogLevel::warning, "", kStart).empty());
}

TEST_CASE("log limiter: lines that all differ are bounded too, and news leave room for errors") {
  LogLimiter limiter;
  size_t written = 0;
  for (int i = 0; i < 10'000; ++i)
    written += limiter.admit(LogLevel::info, fmt::format("peer {}", i), kStart + milliseconds(i)).size();
  CHECK(written >= LogLimiter::kBurst);
  CHECK(written <= LogLimiter::kBurst + 10);
  CHECK(limiter.admit(LogLevel::error, "broken", kStart + seconds(10)).size() == 1);
  const auto due = limiter.due(kStart + seconds(61));
  REQUIRE(due.size() == 1);
  CHECK(due.front().text ==
        fmt::format("{} more lines were left out: there were too many", 10'000 - written));
  CHECK(limiter.admit(LogLevel::info, "later", kStart + seconds(62)).size() == 1);
}

TEST_CASE("log limiter: debug lines are not held back") {
  LogLimiter limiter;
  for (int i = 0; i < 1000; ++i) CHECK(limiter.admit(LogLevel::debug, "plan", kStart).size() == 1);
}
