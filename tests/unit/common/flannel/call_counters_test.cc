#include "common/flannel/call_counters.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>
#include <vector>

#include "common/base/file.h"
#include "tests/support/temp_dir.h"

using namespace flannel;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  test::TempDir dir{"/tmp/call-counters-XXXXXX"};
  std::string path = fmt::format("{}/cni-calls", dir.path());
  void count(std::chrono::microseconds took, unsigned code = 0) const {
    count_call(CountedCall::add, took, code, path.c_str());
  }
  [[nodiscard]] std::optional<CallCounts> read() const {
    return read_call_counts(CountedCall::add, path.c_str());
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "call counters: each call is in the bucket of its bound, in the sum, or a failure") {
  CHECK(!read());
  for (const auto took : {0us, 1000us, 1001us, 30'000'000us, 31'000'000us}) count(took);
  count(5us, 11);
  count(5us, 999);
  const auto counts = read();
  REQUIRE(counts);
  CHECK(counts->took.front() == 2);
  CHECK(counts->took[1] == 1);
  CHECK(counts->took[kCallBounds.size() - 1] == 1);
  CHECK(counts->took.back() == 1);
  CHECK(counts->microseconds == 61'002'001);
  CHECK(counts->failures[11] == 1);
  CHECK(counts->failures.back() == 1);
  CHECK(read_call_counts(CountedCall::del, path.c_str())->microseconds == 0);
}

TEST_CASE_FIXTURE(Fixture, "call counters: calls at once are all counted") {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([this] {
      for (int call = 0; call < 50; ++call) count(3000us);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(read()->took[2] == 400);
}

TEST_CASE_FIXTURE(Fixture, "call counters: what stands in the file's place is left alone") {
  SUBCASE("another file") {
    base::write_file_atomic(path, std::string(4096, 'x'), 0600);
    count(1us);
    CHECK(base::read_file(path, 1 << 20) == std::string(4096, 'x'));
  }
  SUBCASE("a link") {
    base::write_file_atomic(fmt::format("{}/victim", dir.path()), "victim", 0600);
    REQUIRE(::symlink("victim", path.c_str()) == 0);
    count(1us);
    CHECK(base::read_file(fmt::format("{}/victim", dir.path()), 1 << 20) == "victim");
  }
  SUBCASE("a FIFO") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    count(1us);
  }
  SUBCASE("a directory that is missing is not made") {
    count_call(CountedCall::add, 1us, 0, fmt::format("{}/no/cni-calls", dir.path()).c_str());
    CHECK(!std::filesystem::exists(fmt::format("{}/no", dir.path())));
  }
  CHECK(!read());
}
