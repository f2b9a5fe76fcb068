#include <doctest/doctest.h>

#include <signal.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "flanneld/io/child.h"

using flanneld::Child;
using flanneld::ChildResult;
using flanneld::EventLoop;
using namespace std::chrono_literals;

namespace {

base::ProcessSpec shell(const std::string& script, std::string input = {}) {
  base::ProcessSpec spec;
  spec.program = "/bin/sh";
  spec.arguments = {"-c", script};
  spec.environment = base::environment_with({});
  spec.input = std::move(input);
  spec.timeout = 60s;
  return spec;
}

ChildResult run(base::ProcessSpec spec) {
  EventLoop loop;
  ChildResult result;
  Child child(loop, std::move(spec), [&](ChildResult answer) {
    result = std::move(answer);
    loop.stop();
  });
  loop.run();
  return result;
}

}  // namespace

TEST_CASE("a child's output, messages and exit status are collected") {
  const ChildResult result = run(shell("read line; echo \"got $line\"; echo oops >&2; exit 3", "bread\n"));
  CHECK(result.output == "got bread\n");
  CHECK(result.messages == "oops\n");
  CHECK(result.exit_code == 3);
  CHECK(result.reason() == "oops");
  CHECK_FALSE(result.succeeded());
}

TEST_CASE("a child gets more input and gives more output than a pipe holds") {
  const std::string megabyte(1 << 20, 'x');
  const ChildResult result = run(shell("cat", megabyte));
  CHECK(result.succeeded());
  CHECK(result.output == megabyte);
}

TEST_CASE("a child that does not read its input ends well") {
  CHECK(run(shell("exit 0", std::string(1 << 20, 'x'))).succeeded());
}

TEST_CASE("a program that cannot be started is told of from the loop") {
  base::ProcessSpec spec;
  spec.program = "/does/not/exist";
  const ChildResult result = run(spec);
  CHECK(result.error_number == ENOENT);
  CHECK(result.reason() == "start program '/does/not/exist': No such file or directory");
}

TEST_CASE("a child that hangs is killed at its deadline, and the loop serves others meanwhile") {
  EventLoop loop;
  base::ProcessSpec spec = shell("exec sleep 100");
  spec.timeout = 400ms;
  int ticks = 0;
  std::optional<flanneld::Timer> tick;
  tick.emplace(loop, [&] {
    ++ticks;
    tick->start(10ms);
  });
  tick->start(10ms);
  ChildResult result;
  Child child(loop, spec, [&](ChildResult answer) {
    result = std::move(answer);
    loop.stop();
  });
  loop.run();
  CHECK(result.error_number == ETIMEDOUT);
  CHECK(result.exit_code == 128 + SIGKILL);
  CHECK(ticks >= 2);
}

TEST_CASE("a child that says too much is killed") {
  base::ProcessSpec spec = shell("exec yes");
  spec.max_output_bytes = 100'000;
  CHECK(run(spec).error_number == EFBIG);
}

TEST_CASE("a child's endless messages are cut") {
  const ChildResult result =
      run(shell("i=0; while [ $i -lt 2000 ]; do echo message >&2; i=$((i + 1)); done"));
  CHECK(result.succeeded());
  CHECK(result.messages.size() == 4096);
}

TEST_CASE("a child's end is noticed although a grandchild keeps its pipes open") {
  const auto start = EventLoop::Clock::now();
  const ChildResult result = run(shell("sleep 60 & echo $!"));
  CHECK(EventLoop::Clock::now() - start < 30s);
  REQUIRE(result.succeeded());
  ::kill(std::stoi(result.output), SIGKILL);
}

TEST_CASE("a child does not inherit blocked or ignored signals") {
  // 0 for each signal that is blocked or ignored by the test runner itself would pass unseen: block one.
  sigset_t blocked, before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  const ChildResult result = run(shell("kill -TERM $$; echo alive"));
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  CHECK(result.exit_code == 128 + SIGTERM);
  CHECK(result.output.empty());
}

TEST_CASE("destroying a child kills it and calls nothing") {
  EventLoop loop;
  auto child = std::make_unique<Child>(loop, shell("exec sleep 100"), [](ChildResult) { FAIL("called"); });
  flanneld::Timer destroy(loop, [&] { child.reset(); });
  flanneld::Timer stop(loop, [&] { loop.stop(); });
  destroy.start(20ms);
  stop.start(100ms);
  loop.run();
}

TEST_CASE("a child may be destroyed when it is done") {
  EventLoop loop;
  std::unique_ptr<Child> child;
  child = std::make_unique<Child>(loop, shell("true"), [&](ChildResult result) {
    CHECK(result.succeeded());
    child.reset();
    loop.stop();
  });
  loop.run();
  CHECK_FALSE(child);
}
