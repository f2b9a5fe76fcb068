#include "common/base/deadline.h"

#include <doctest/doctest.h>

TEST_CASE("Deadline tells whether it has passed, and how long poll(2) may wait") {
  using namespace std::chrono_literals;
  CHECK(base::Deadline(0ms).passed());
  CHECK(base::Deadline(0ms).milliseconds_left() == 0);
  CHECK(base::Deadline(-5ms).milliseconds_left() == 0);
  CHECK_FALSE(base::Deadline(1h).passed());
  CHECK(base::Deadline(1h).milliseconds_left() <= 3'600'000);
  CHECK(base::Deadline(24h * 365 * 100).milliseconds_left() == INT_MAX);
}
