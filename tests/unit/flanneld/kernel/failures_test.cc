#include "flanneld/kernel/failures.h"

#include <doctest/doctest.h>

using flanneld::Failures;

namespace {

Failures failures(size_t count) {
  Failures all;
  for (size_t i = 0; i < count; ++i) all.add(fmt::format("route {}", i));
  return all;
}

}  // namespace

TEST_CASE("failures: all are counted, and few are told") {
  CHECK(failures(0).empty());
  CHECK(failures(50).lines().back() == "route 49");
  const Failures many = failures(2000);
  CHECK(many.count() == 2000);
  CHECK(many.first() == "route 0");
  CHECK(many.lines().size() == 50);
  CHECK(many.lines()[48] == "route 48");
  CHECK(many.lines().back() == "and 1951 more");
}
