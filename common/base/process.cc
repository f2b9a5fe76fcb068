#include "common/base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "common/base/deadline.h"
#include "common/base/error.h"
#include "common/base/unique_fd.h"

namespace base {
namespace {

struct Pipe {
  UniqueFd read_end, write_end;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("create pipe");
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
};

std::vector<char*> c_pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// The forked child until exec. Only async-signal-safe calls.
[[noreturn]] void become(const char* program, char* const* argv, char* const* envp, const Pipe& in,
                         const Pipe& out, const Pipe& failure) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGPIPE, SIG_DFL);
  if (::dup2(in.read_end.get(), STDIN_FILENO) >= 0 && ::dup2(out.write_end.get(), STDOUT_FILENO) >= 0)
    ::execve(program, argv, envp);
  const int error = errno;
  [[maybe_unused]] const ssize_t n = ::write(failure.write_end.get(), &error, sizeof error);
  ::_exit(127);
}

/// Feeds stdin and collects stdout at once, so that neither side can block the other.
std::string exchange(const ProcessSpec& spec, const Deadline& deadline, UniqueFd& to_child,
                     UniqueFd& from_child) {
  std::string output;
  std::string_view rest = spec.input;
  ::fcntl(to_child.get(), F_SETFL, O_NONBLOCK);
  if (rest.empty()) to_child.reset();
  for (;;) {
    pollfd fds[2] = {{from_child.get(), POLLIN, 0}, {to_child.get(), POLLOUT, 0}};
    const int ready = ::poll(fds, 2, deadline.milliseconds_left());
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) throw_errno("wait for program '" + spec.program + "'");
    if (ready == 0) throw SystemError(ETIMEDOUT, "wait for program '" + spec.program + "'");
    if (fds[1].revents != 0) {
      const ssize_t n = ::write(to_child.get(), rest.data(), rest.size());
      if (n > 0) rest.remove_prefix(static_cast<size_t>(n));
      // EPIPE: it answered without reading its input. That is its right.
      if (rest.empty() || (n < 0 && errno != EAGAIN && errno != EINTR)) to_child.reset();
    }
    if (fds[0].revents != 0) {
      char buffer[16384];
      const ssize_t n = ::read(from_child.get(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw_errno("read from program '" + spec.program + "'");
      if (n == 0) return output;
      if (output.size() + static_cast<size_t>(n) > spec.max_output_bytes)
        throw SystemError(EFBIG, "read from program '" + spec.program + "'");
      output.append(buffer, static_cast<size_t>(n));
    }
  }
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) throw_errno("wait for process " + std::to_string(pid));
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// A child may close stdout and run on. Without pidfd_open (Linux 5.3) the wait has no end.
void wait_for_end(const ProcessSpec& spec, const Deadline& deadline, pid_t pid) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{process.get(), POLLIN, 0};
  if (!process.valid()) return;
  int ready = 0;
  do ready = ::poll(&ended, 1, deadline.milliseconds_left());
  while (ready < 0 && errno == EINTR);
  if (ready == 0) throw SystemError(ETIMEDOUT, "wait for program '" + spec.program + "'");
}

}  // namespace

ProcessResult run_process(const ProcessSpec& spec) {
  std::vector<std::string> argv_text{spec.program};
  argv_text.insert(argv_text.end(), spec.arguments.begin(), spec.arguments.end());
  const auto argv = c_pointers(argv_text);
  const auto envp = c_pointers(spec.environment);
  ::signal(SIGPIPE, SIG_IGN);
  Pipe in, out, failure;
  const pid_t pid = ::fork();
  if (pid < 0) throw_errno("start program '" + spec.program + "'");
  if (pid == 0) become(spec.program.c_str(), argv.data(), envp.data(), in, out, failure);
  in.read_end.reset();
  out.write_end.reset();
  failure.write_end.reset();
  ProcessResult result;
  try {
    int exec_errno = 0;  // the pipe closes unwritten when exec succeeds
    if (::read(failure.read_end.get(), &exec_errno, sizeof exec_errno) == sizeof exec_errno)
      throw SystemError(exec_errno, "start program '" + spec.program + "'");
    const Deadline deadline{std::chrono::seconds(spec.timeout_seconds)};
    result.output = exchange(spec, deadline, in.write_end, out.read_end);
    wait_for_end(spec, deadline, pid);
  } catch (...) {
    ::kill(pid, SIGKILL);
    wait_for(pid);
    throw;
  }
  result.exit_code = wait_for(pid);
  return result;
}

std::vector<std::string> environment_with(const std::vector<std::string>& overrides) {
  std::vector<std::string> merged = overrides;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    bool overridden = false;
    for (const std::string& override_entry : overrides)
      overridden |= override_entry.compare(0, name.size() + 1, std::string(name) + "=") == 0;
    if (!overridden) merged.emplace_back(text);
  }
  return merged;
}

}  // namespace base
