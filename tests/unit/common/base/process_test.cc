#include "common/base/process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "common/base/error.h"
#include "common/base/text.h"

using namespace std::chrono_literals;

namespace {

base::ProcessSpec shell(const std::string& script) {
  return {.program = "/bin/sh", .arguments = {"-c", script}, .environment = {}, .input = ""};
}

int error_number_of(base::ProcessSpec spec) {
  try {
    base::run_process(std::move(spec));
  } catch (const base::SystemError& error) {
    return error.error_number();
  }
  return 0;
}

/// Runs `body` in a process of its own and returns its exit status.
template <class Body>
int in_child(Body&& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    int status = 1;
    try {
      status = body();
    } catch (...) {
    }
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("a process gets its input and environment, and its output and status come back") {
  CHECK(base::run_process(shell("exit 3")).exit_code == 3);
  CHECK(base::run_process(shell("kill -9 $$")).exit_code == 128 + SIGKILL);
  base::ProcessSpec spec = shell("echo $A; cat");
  spec.environment = {"A=b"};
  spec.input = "text";
  CHECK(base::run_process(spec).output == "b\ntext");
}

TEST_CASE("a process exchanges more than a pipe holds, both ways at once") {
  const std::string large(1 << 20, 'x');
  base::ProcessSpec spec{.program = "/bin/cat", .arguments = {}, .environment = {}, .input = large};
  CHECK((base::run_process(spec).output == large));
  base::Process process = base::Process::start(spec);
  CHECK((process.finish().output == large));
}

TEST_CASE("a process that does not read its input does not raise SIGPIPE") {
  CHECK(in_child([] {
          ::signal(SIGPIPE, SIG_DFL);
          base::ProcessSpec spec = shell("exec <&-; echo done");
          spec.input = std::string(1 << 20, 'x');
          return base::run_process(spec).output == "done\n" ? 42 : 1;
        }) == 42);
}

TEST_CASE("running a process leaves the caller's SIGPIPE as it is") {
  CHECK(in_child([] {
          ::signal(SIGPIPE, SIG_DFL);
          base::run_process(shell("true"));
          return ::signal(SIGPIPE, SIG_DFL) == SIG_DFL ? 42 : 1;
        }) == 42);
}

TEST_CASE("a process is ended by too much output and when its time is up") {
  base::ProcessSpec spec = shell("exec cat /dev/zero");
  spec.max_output_bytes = 1000;
  CHECK(error_number_of(spec) == EFBIG);
  spec = shell("exec cat /dev/zero >/dev/null");
  spec.timeout = 50ms;
  CHECK(error_number_of(spec) == ETIMEDOUT);
}

TEST_CASE("a program that cannot be started says so, by its name") {
  const base::ProcessSpec spec{
      .program = "/no/such/program", .arguments = {}, .environment = {}, .input = ""};
  CHECK(error_number_of(spec) == ENOENT);
  base::Process process = base::Process::start(spec);
  CHECK_THROWS_WITH_AS(process.finish(), doctest::Contains("/no/such/program"), base::SystemError);
}

TEST_CASE("start() returns while the program runs, and finish() takes its answer") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  base::Process process = base::Process::start(shell(fmt::format("read line <&{}; echo $line", ends[0])));
  REQUIRE(::write(ends[1], "go\n", 3) == 3);  // it could not have ended before
  CHECK(process.finish().output == "go\n");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("a program runs beside a parent that does not sleep") {
  cpu_set_t allowed;
  REQUIRE(::sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  if (CPU_COUNT(&allowed) < 2) return;  // there is no other processor
  int ends[2];
  REQUIRE(::pipe2(ends, O_NONBLOCK) == 0);
  base::Process process = base::Process::start(shell(fmt::format("echo x >&{}; nproc", ends[1])));
  char byte = 0;
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (::read(ends[0], &byte, 1) != 1 && std::chrono::steady_clock::now() < end) continue;
  CHECK(byte == 'x');
  CHECK(process.finish().output == fmt::format("{}\n", CPU_COUNT(&allowed)));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("a process that nobody finishes is killed") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  { const base::Process process = base::Process::start(shell("exec sleep 1000")); }
  ::close(ends[1]);  // the last writer, if the program is gone
  char byte = 0;
  CHECK(::read(ends[0], &byte, 1) == 0);
  ::close(ends[0]);
}

TEST_CASE("a process dies with the one that started it") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  in_child([&] {
    static base::Process process = base::Process::start(shell("exec sleep 1000"));
    return 0;
  });
  ::close(ends[1]);
  char byte = 0;
  CHECK(::read(ends[0], &byte, 1) == 0);
  ::close(ends[0]);
}

TEST_CASE("a process starts with no signal blocked or handled, whatever its parent does") {
  CHECK(in_child([] {
          sigset_t all;
          ::sigfillset(&all);
          ::sigprocmask(SIG_SETMASK, &all, nullptr);
          ::signal(SIGTERM, [](int) {});
          return base::run_process(shell("kill -TERM $$; echo alive")).exit_code;
        }) == 128 + SIGTERM);
}

TEST_CASE("the caller's signal mask stays as it is") {
  CHECK(in_child([] {
          sigset_t term, now;
          ::sigemptyset(&term);
          ::sigaddset(&term, SIGTERM);
          ::sigprocmask(SIG_SETMASK, &term, nullptr);
          base::run_process(shell("true"));
          ::sigprocmask(SIG_SETMASK, nullptr, &now);
          return ::sigismember(&now, SIGTERM) == 1 && ::sigismember(&now, SIGINT) == 0 ? 42 : 1;
        }) == 42);
}

TEST_CASE("a process has its stdin and stdout although the parent has none") {
  for (const auto& closed : {std::vector{STDIN_FILENO}, {STDOUT_FILENO}, {STDIN_FILENO, STDOUT_FILENO}})
    CHECK(in_child([&] {
            for (const int fd : closed) ::close(fd);
            base::ProcessSpec spec{
                .program = "/bin/cat", .arguments = {}, .environment = {}, .input = "text"};
            return base::run_process(spec).output == "text" ? 42 : 1;
          }) == 42);
}

TEST_CASE("environment_with: replaces, keeps the rest") {
  ::setenv("FLANNEL_UNIT", "old", 1);
  ::setenv("FLANNEL_UNIT_LONGER", "kept", 1);
  const auto merged = base::environment_with({"FLANNEL_UNIT=new"});
  CHECK(std::count(merged.begin(), merged.end(), "FLANNEL_UNIT=new") == 1);
  CHECK(std::count(merged.begin(), merged.end(), "FLANNEL_UNIT=old") == 0);
  CHECK(std::count(merged.begin(), merged.end(), "FLANNEL_UNIT_LONGER=kept") == 1);
}
