#include "common/base/time_text.h"

#include <doctest/doctest.h>

using namespace std::chrono_literals;

namespace {

std::chrono::sys_seconds at(int64_t seconds) {
  return std::chrono::sys_seconds{std::chrono::seconds{seconds}};
}

}  // namespace

TEST_CASE("time_text writes seconds as RFC 3339 in UTC") {
  CHECK(base::time_text(at(0)) == "1970-01-01T00:00:00Z");
  CHECK(base::time_text(at(1709210096)) == "2024-02-29T12:34:56Z");
  CHECK(base::time_text(at(-1)) == "1969-12-31T23:59:59Z");
}

TEST_CASE("time_text writes milliseconds with three digits") {
  CHECK(base::time_text(at(1709210096) + 7ms) == "2024-02-29T12:34:56.007Z");
  CHECK(base::time_text(at(0) - 1ms) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("duration_text says as much as people want to know") {
  CHECK(base::duration_text(-5s) == "0 s");
  CHECK(base::duration_text(59s) == "59 s");
  CHECK(base::duration_text(60s) == "1 min");
  CHECK(base::duration_text(3599s) == "59 min");
  CHECK(base::duration_text(23h + 5min + 59s) == "23 h 5 min");
  CHECK(base::duration_text(48h) == "2 days");
}
