#include "common/base/file_lock.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "tests/support/temp_dir.h"

using namespace std::chrono_literals;

TEST_CASE("FileLock excludes others until it goes, and their wait ends") {
  const test::TempDir dir;
  const base::UniqueFd fd = base::open_directory(dir.path());
  {
    const auto lock = base::FileLock::acquire(fd.get(), "lock", 0750, 1s);
    CHECK_THROWS_WITH_AS(base::FileLock::acquire(fd.get(), "lock", 0750, 1s), doctest::Contains("timed out"),
                         base::SystemError);
  }
  CHECK_NOTHROW(base::FileLock::acquire(fd.get(), "lock", 0750, 1s));
}

TEST_CASE("FileLock does not wait for the writer of a FIFO in its place") {
  const test::TempDir dir;
  const base::UniqueFd fd = base::open_directory(dir.path());
  REQUIRE(::mkfifoat(fd.get(), "lock", 0600) == 0);
  CHECK_NOTHROW(base::FileLock::acquire(fd.get(), "lock", 0600, 1s));
}
