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
    const auto lock = base::FileLock::acquire(fd.get(), "lock", 0600, 1s);
    CHECK_THROWS_WITH_AS(base::FileLock::acquire(fd.get(), "lock", 0600, 1s), doctest::Contains("timed out"),
                         base::SystemError);
  }
  CHECK_NOTHROW(base::FileLock::acquire(fd.get(), "lock", 0600, 1s));
}

TEST_CASE("FileLock works whatever is in its place, and where no file can be made") {
  const test::TempDir dir;
  const base::UniqueFd fd = base::open_directory(dir.path());
  SUBCASE("a directory") { REQUIRE(::mkdirat(fd.get(), "lock", 0700) == 0); }
  SUBCASE("a link, also one that leads nowhere") { REQUIRE(::symlinkat("/nowhere", fd.get(), "lock") == 0); }
  SUBCASE("a socket") { REQUIRE(::mknodat(fd.get(), "lock", S_IFSOCK | 0600, 0) == 0); }
  const auto lock = base::FileLock::acquire(fd.get(), "lock", 0600, 1s);
  CHECK_THROWS_AS(base::FileLock::acquire(fd.get(), "lock", 0600, 1s), base::SystemError);
}

TEST_CASE("FileLock closes its file to others, who could hold it as long as they like") {
  const test::TempDir dir;
  const base::UniqueFd fd = base::open_directory(dir.path());
  const auto mode = [&] {
    struct stat status {};
    REQUIRE(::fstatat(fd.get(), "lock", &status, 0) == 0);
    return status.st_mode & 0777;
  };
  base::write_file_atomic(dir.path() + "/lock", "", 0644);
  const auto lock = base::FileLock::acquire(fd.get(), "lock", 0600, 1s);
  CHECK(mode() == 0600);
}

TEST_CASE("FileLock does not wait for the writer of a FIFO in its place") {
  const test::TempDir dir;
  const base::UniqueFd fd = base::open_directory(dir.path());
  REQUIRE(::mkfifoat(fd.get(), "lock", 0600) == 0);
  CHECK_NOTHROW(base::FileLock::acquire(fd.get(), "lock", 0600, 1s));
}
