#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
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

}  // namespace

TEST_CASE("confinement: programs can be started before and not after, nor by threads and children") {
  CHECK(in_child([] { return try_program(false); }) == 0);
  CHECK(in_child([] { return try_program(true); }) == 0);
  CHECK_FALSE(flanneld::programs_are_forbidden());
  const auto confined = [](auto&& action) {
    return in_child(
        [&] { return flanneld::forbid_programs() && flanneld::programs_are_forbidden() ? action() : 99; });
  };
  CHECK(confined([] { return try_program(false); }) == EPERM);
  CHECK(confined([] { return try_program(true); }) == EPERM);
  CHECK(confined([] {
          int result = 0;
          std::thread([&] { result = try_program(false); }).join();
          return result;
        }) == EPERM);
  CHECK(confined([] { return in_child([] { return try_program(false); }); }) == EPERM);
  CHECK(confined([] { return ::open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno; }) == 0);
#if defined(__x86_64__)
  constexpr long kX32Execve = 0x40000000 + 520;
  CHECK(confined([] { return ::syscall(kX32Execve, nullptr, nullptr, nullptr) < 0 ? errno : 0; }) == EPERM);
#endif
}

TEST_CASE("confinement: waits for other threads to end") {
  CHECK(in_child([] {
          std::thread other([] { ::usleep(300'000); });
          const bool early = flanneld::forbid_programs();
          other.join();
          return early || !flanneld::forbid_programs() ? 1 : 0;
        }) == 0);
}
