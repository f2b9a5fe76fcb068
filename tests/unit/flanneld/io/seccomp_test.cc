#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <thread>

#include "flanneld/io/seccomp.h"

namespace {

/// What the action answers in a process of its own.
template <class Action>
int in_child(Action&& action) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(action());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// errno of a try to start /bin/true; on success the process has become it, and ends with 0.
int try_program(bool at) {
  const char* const arguments[] = {"/bin/true", nullptr};
  const char* const environment[] = {nullptr};
  if (at)
    ::syscall(SYS_execveat, AT_FDCWD, arguments[0], arguments, environment, 0);
  else
    ::syscall(SYS_execve, arguments[0], arguments, environment);
  return errno;
}

/// What the action answers in a process that has given up starting programs.
template <class Action>
int in_confined_child(Action&& action) {
  return in_child([&] {
    flanneld::forbid_programs();
    return action();
  });
}

}  // namespace

TEST_CASE("programs can be started until they are forbidden") {
  CHECK(in_child([] { return try_program(false); }) == 0);
  CHECK(in_child([] { return try_program(true); }) == 0);
}

TEST_CASE("once programs are forbidden, neither the process nor its threads and children can start one") {
  CHECK(in_confined_child([] { return try_program(false); }) == EPERM);
  CHECK(in_confined_child([] { return try_program(true); }) == EPERM);
  CHECK(in_confined_child([] {
          int result = 0;
          std::thread([&] { result = try_program(false); }).join();
          return result;
        }) == EPERM);
  CHECK(in_confined_child([] { return in_child([] { return try_program(false); }); }) == EPERM);
}

TEST_CASE("other calls work while programs are forbidden") {
  CHECK(in_confined_child(
            [] { return ::open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno; }) == 0);
}

#if defined(__x86_64__)
TEST_CASE("programs cannot be started by the numbers of another architecture") {
  constexpr long kX32Execve = 0x40000000 + 520;
  CHECK(in_confined_child([] { return ::syscall(kX32Execve, nullptr, nullptr, nullptr) < 0 ? errno : 0; }) ==
        EPERM);
}
#endif

TEST_CASE("threads that run already cannot start programs either") {
  CHECK(in_child([] {
          std::promise<void> forbidden;
          int result = 0;
          std::thread other([&] {
            forbidden.get_future().wait();
            result = try_program(false);
          });
          flanneld::forbid_programs();
          forbidden.set_value();
          other.join();
          return result;
        }) == EPERM);
}
