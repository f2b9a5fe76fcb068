#include "tests/storm/call.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "common/base/file.h"
#include "common/base/unique_fd.h"

namespace storm {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> all;
  all.reserve(strings.size() + 1);
  for (const std::string& text : strings) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

/// A group of its own: what it starts dies with it.
pid_t start(const Call& call, int in, int out) {
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  if (::posix_spawnp(&pid, call.argv[0].c_str(), &files, &attributes, pointers(call.argv).data(),
                     pointers(call.environment).data()) != 0) {
    std::perror(call.argv[0].c_str());
    std::exit(2);
  }
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  return pid;
}

}  // namespace

Outcome run(const Call& call) {
  const base::UniqueFd in(::memfd_create("stdin", MFD_CLOEXEC));
  const base::UniqueFd out(::memfd_create("stdout", MFD_CLOEXEC));
  base::write_all(in.get(), call.input, "stdin");
  ::lseek(in.get(), 0, SEEK_SET);
  const pid_t pid = start(call, in.get(), out.get());
  if (call.kill_after_us >= 0) {
    ::usleep(static_cast<useconds_t>(call.kill_after_us));
    ::kill(-pid, SIGKILL);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  // What it had started may be on its way out still.
  for (int i = 0; WIFSIGNALED(status) && i < 2000 && ::kill(-pid, 0) == 0; ++i) ::usleep(1000);
  ::lseek(out.get(), 0, SEEK_SET);
  return {WIFSIGNALED(status), WIFEXITED(status) && WEXITSTATUS(status) == 0,
          base::read_all(out.get(), 1 << 20, "stdout")};
}

}  // namespace storm
