#include "common/base/text.h"

#include <doctest/doctest.h>

TEST_CASE("paths become readable and distinct file names") {
  CHECK(base::path_as_name("/var/lib/cni/flannel") == "-var-lib-cni-flannel");
  CHECK(base::path_as_name("/var/a-b") == "-var-a\\x2db");
  CHECK(base::path_as_name("/var/a/b") != base::path_as_name("/var/a-b"));
  CHECK(base::path_as_name("/\xc3\xa4 b") == "-\\xc3\\xa4\\x20b");
}
