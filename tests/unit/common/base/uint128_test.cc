#include "common/base/uint128.h"

#include <doctest/doctest.h>

#include <initializer_list>

#include <initializer_list>

using base::Uint128;

namespace {

constexpr Uint128 kMost{UINT64_MAX, UINT64_MAX};

}  // namespace

TEST_CASE("Uint128 carries and borrows between its halves, and wraps") {
  CHECK(Uint128(UINT64_MAX) + 1 == Uint128(1, 0));
  CHECK(Uint128(1, 0) - 1 == Uint128(UINT64_MAX));
  CHECK(kMost + 1 == Uint128(0));
  CHECK(Uint128(0) - 1 == kMost);
}

TEST_CASE("Uint128 shifts over the border of its halves") {
  CHECK((Uint128(3) << 63) == Uint128(1, 1ULL << 63));
  CHECK((Uint128(1, 1ULL << 63) >> 63) == Uint128(3));
  for (const unsigned bits : {0U, 1U, 63U, 64U, 65U, 127U}) CHECK((Uint128(1) << bits >> bits) == Uint128(1));
  CHECK((kMost << 128) == Uint128(0));
  CHECK((kMost >> 128) == Uint128(0));
}

TEST_CASE("Uint128 orders by its upper half first") {
  CHECK(Uint128(1, 0) > Uint128(UINT64_MAX));
  CHECK((~Uint128(0) & Uint128(5, 6)) == Uint128(5, 6));
}
