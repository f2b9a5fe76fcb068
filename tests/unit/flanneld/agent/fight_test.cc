#include "flanneld/agent/fight.h"

#include <doctest/doctest.h>

#include "tests/unit/flanneld/test_support.h"

using flanneld::Fight;
using flanneld_test::contains;
using std::chrono::minutes;

TEST_CASE("fight: told after the third time within ten minutes, once, until it has ended") {
  Fight fight;
  const Fight::Time start{};
  CHECK_FALSE(fight.note(0, start));
  CHECK_FALSE(fight.note(1, start));
  CHECK_FALSE(fight.note(2, start + minutes(1)));
  CHECK_FALSE(fight.note(2, start + minutes(2)));  // another change of the status
  CHECK_FALSE(fight.problem(start + minutes(2)));
  CHECK(fight.note(3, start + minutes(3)));
  CHECK_FALSE(fight.note(4, start + minutes(4)));
  CHECK(contains(fight.problem(start + minutes(5)).value(), "again and again (4 times so far"));
  CHECK_FALSE(fight.problem(start + minutes(12)));
}

TEST_CASE("fight: seldom changes are none") {
  Fight fight;
  for (int i = 0; i < 20; ++i)
    CHECK_FALSE(fight.note(static_cast<uint64_t>(i), Fight::Time{} + minutes(6 * i)));
}
