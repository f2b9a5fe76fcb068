#include "common/base/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "common/base/file.h"
#include "tests/support/temp_dir.h"

namespace {

/// What base::log_info("text") writes to a file when JOURNAL_STREAM is `stream`, or names that file.
std::string logged(const char* stream) {
  const test::TempDir dir;
  const std::string path = dir.path() + "/log";
  const base::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  struct stat status {};
  REQUIRE(::fstat(file.get(), &status) == 0);
  const std::string own = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  const pid_t child = ::fork();  // whose stderr and environment are its own
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(file.get(), STDERR_FILENO);
    ::setenv("JOURNAL_STREAM", stream ? stream : own.c_str(), 1);
    base::log_info("text");
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  return base::read_file(path, 4096).value();
}

}  // namespace

TEST_CASE("log writes a level for the journal when stderr is the journal") {
  CHECK(logged(nullptr) == "<6>text\n");
}

TEST_CASE("log writes the time when stderr was redirected away from the journal") {
  for (const char* other : {"8:12345", "", "8", "8:12345:9"}) {
    const std::string line = logged(other);
    CHECK(line.ends_with("Z info text\n"));
    CHECK(line.size() == std::string("2026-11-24T15:04:05.678Z info text\n").size());
  }
}
