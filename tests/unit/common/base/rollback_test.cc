#include "common/base/rollback.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

TEST_CASE("Rollback undoes the last step first, goes on after a failure, and does nothing after commit") {
  std::string order;
  {
    base::Rollback undo;
    undo.push([&] { order += "a"; });
    undo.push([] { throw std::runtime_error("ignored"); });
    undo.push([&] { order += "b"; });
  }
  CHECK(order == "ba");
  {
    base::Rollback undo;
    undo.push([&] { order += "c"; });
    undo.commit();
  }
  CHECK(order == "ba");
}
