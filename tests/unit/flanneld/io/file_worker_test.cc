#include "flanneld/io/file_worker.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using flanneld_test::contains;
using std::chrono::milliseconds;

namespace {

/// A worker whose work hangs when it takes longer than this many milliseconds.
template <int kHangs>
struct Working {
  template <class Condition>
  void run_until(Condition condition) {
    Timer look(loop, [&] { condition() ? loop.stop() : look.start(milliseconds(2)); });
    Timer end(loop, [&] { loop.stop(); });
    look.start(milliseconds(0));
    end.start(milliseconds(30'000));
    loop.run();
    CHECK(condition());
  }

  EventLoop loop;
  int changes = 0;
  FileWorker worker{loop, [this] { ++changes; }, milliseconds(kHangs)};
};

}  // namespace

TEST_CASE_FIXTURE(Working<60'000>, "file worker: does the work beside the loop and says how it ended") {
  std::string said;
  worker.begin(
      "fail", [] { throw base::SystemError(EIO, "write"); },
      [&](const std::exception_ptr& failure) {
        CHECK_FALSE(worker.is_busy());
        try {
          std::rethrow_exception(failure);
        } catch (const base::SystemError& error) {
          said = error.what();
        }
      });
  CHECK(worker.is_busy());
  run_until([&] { return !said.empty(); });
  CHECK(said == "write: Input/output error");
  bool is_done = false;
  worker.begin(
      "succeed", [] {}, [&](const std::exception_ptr& failure) { is_done = !failure; });
  run_until([&] { return is_done; });
  CHECK(changes == 0);
}

TEST_CASE_FIXTURE(Working<30>, "file worker: work that hangs stops nothing and is named until it ends") {
  const test::TempDir dir;
  const std::string fifo = dir.path() + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  bool is_done = false;
  worker.begin(
      "write file x", [fifo] { const base::UniqueFd blocks(::open(fifo.c_str(), O_WRONLY | O_CLOEXEC)); },
      [&](const std::exception_ptr&) { is_done = true; });
  run_until([&] { return worker.problem().has_value(); });
  CHECK(contains(*worker.problem(), "to write file x has not ended for "));
  CHECK_FALSE(is_done);
  CHECK(changes == 1);
  const base::UniqueFd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  run_until([&] { return is_done; });
  CHECK_FALSE(worker.problem());
  CHECK(changes == 2);
}
