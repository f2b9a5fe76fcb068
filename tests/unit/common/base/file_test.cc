#include "common/base/file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/error.h"
#include "tests/support/temp_dir.h"

namespace {

struct Directory : test::TempDir {
  base::UniqueFd fd = base::open_directory(path());
};

}  // namespace

TEST_CASE("create_file_at makes a file once and leaves one that is there") {
  const Directory dir;
  CHECK(base::create_file_at(dir.fd.get(), "a", "one", 0600));
  CHECK_FALSE(base::create_file_at(dir.fd.get(), "a", "two", 0600));
  CHECK(base::read_file(dir.path() + "/a", 100) == "one");
  CHECK(base::list_directory(dir.fd.get()).size() == 1);  // no temporary file is left
}

TEST_CASE("replace_file_at puts the new bytes under the old name") {
  const Directory dir;
  base::replace_file_at(dir.fd.get(), "a", "one", 0600);
  base::replace_file_at(dir.fd.get(), "a", "three", 0644);
  CHECK(base::read_file_at(dir.fd.get(), "a", 100) == "three");
  CHECK(base::list_directory(dir.fd.get()).size() == 1);
}

TEST_CASE("replace_file_at leaves alone what another process of our number is writing") {
  const Directory dir;
  // Two containers that share a directory of their host may both be process 1.
  const std::string half_written = ".tmp." + std::to_string(::getpid()) + ".a~";
  base::create_file_at(dir.fd.get(), half_written, "half", 0600);
  base::replace_file_at(dir.fd.get(), "a", "whole", 0600);
  CHECK(base::read_file_at(dir.fd.get(), "a", 100) == "whole");
  CHECK(base::read_file_at(dir.fd.get(), half_written, 100) == "half");
}

TEST_CASE("remove_unfinished removes the temporary files of one name") {
  const Directory dir;
  for (const char* name : {"a", ".tmp.0123456789abcdef.a~", ".tmp.1.a~", ".tmp.0123456789abcdef.b~"})
    base::create_file_at(dir.fd.get(), name, "", 0600);
  CHECK(base::is_temporary_name(".tmp.0123456789abcdef.b~"));
  CHECK_FALSE(base::is_temporary_name("tmp"));
  base::remove_unfinished(dir.fd.get(), "a");
  auto left = base::list_directory(dir.fd.get());
  std::sort(left.begin(), left.end());
  CHECK(left == std::vector<std::string>{".tmp.0123456789abcdef.b~", "a"});
}

TEST_CASE("files of the longest name can be replaced") {
  const Directory dir;
  const std::string name(255, 'n');
  base::replace_file_at(dir.fd.get(), name, "text", 0600);
  CHECK(base::read_file_at(dir.fd.get(), name, 100) == "text");
}

TEST_CASE("read_file tells absence from failure, and bounds what it reads") {
  const Directory dir;
  base::create_file_at(dir.fd.get(), "a", "three", 0600);
  CHECK_FALSE(base::read_file(dir.path() + "/absent", 100).has_value());
  CHECK_THROWS_AS(base::read_file(dir.path() + "/a", 4), base::SystemError);
}

TEST_CASE("links are followed only where that is asked for") {
  const Directory dir;
  base::create_file_at(dir.fd.get(), "a", "text", 0600);
  REQUIRE(::symlinkat("a", dir.fd.get(), "link") == 0);
  CHECK(base::read_file(dir.path() + "/link", 100) == "text");
  CHECK_THROWS_AS(base::read_file(dir.path() + "/link", 100, base::Links::refuse), base::SystemError);
  CHECK_FALSE(base::read_file_at(dir.fd.get(), "link", 100).has_value());
}

TEST_CASE("read_file_at counts a FIFO as absent and does not wait for its writer") {
  const Directory dir;
  REQUIRE(::mkfifoat(dir.fd.get(), "fifo", 0600) == 0);
  CHECK_FALSE(base::read_file_at(dir.fd.get(), "fifo", 100).has_value());
}

TEST_CASE("remove_file_at tells whether the file was there") {
  const Directory dir;
  base::create_file_at(dir.fd.get(), "a", "", 0600);
  CHECK(base::remove_file_at(dir.fd.get(), "a"));
  CHECK_FALSE(base::remove_file_at(dir.fd.get(), "a"));
}

TEST_CASE("make_directory makes the parents too") {
  const Directory dir;
  CHECK(base::make_directory(dir.path() + "/x/y/z", 0755).valid());
  CHECK(base::open_directory(dir.path() + "/x/y/z").valid());
  CHECK_FALSE(base::open_directory(dir.path() + "/none").valid());
  base::create_file_at(dir.fd.get(), "file", "", 0600);
  CHECK_THROWS_AS(base::make_directory(dir.path() + "/file/y", 0755), base::SystemError);
}

TEST_CASE("make_parent_directory makes all but the last part of a path") {
  const Directory dir;
  base::make_parent_directory(dir.path() + "/p/q/file", 0755);
  CHECK(base::open_directory(dir.path() + "/p/q").valid());
  CHECK_FALSE(base::open_directory(dir.path() + "/p/q/file").valid());
  CHECK_NOTHROW(base::make_parent_directory("name-without-directory", 0755));
}
