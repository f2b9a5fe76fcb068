#include "common/base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "common/base/deadline.h"
#include "common/base/error.h"
#include "common/base/unique_fd.h"

namespace base {
namespace {

constexpr size_t kStackBytes = 32 << 10;
constexpr size_t kAtomicBytes = 4096;  // PIPE_BUF: an empty pipe takes so much at once

std::vector<char*> c_pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// Signals are held back while it lives: a handler must not run in a child that shares our memory.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

/// How the child comes to its memory: both ways it is the parent's until exec, because copying the page
/// tables costs more than all the rest.
enum class Launch {
  beside,  ///< the parent goes on at once
  held     ///< the parent stands still until exec, as with vfork()
};

/// Moves a child that waits behind us for our own processor to another one: not every scheduler does so
/// before we sleep, and until then nothing would run beside us. One that runs elsewhere stays there.
void move_aside(pid_t child) {
  cpu_set_t allowed;
  const int mine = ::sched_getcpu();
  if (mine < 0 || ::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(static_cast<size_t>(mine), &others);
  if (CPU_COUNT(&others) == 0) return;
  ::sched_setaffinity(child, sizeof others, &others);
  ::sched_setaffinity(child, sizeof allowed, &allowed);
}

#if defined(__x86_64__)
constexpr int kFlagsBeside = CLONE_VM | SIGCHLD;
/// execve(2) that leaves errno alone, which the running parent shares. Returns the errno negated.
int execute(const char* program, char* const* argv, char* const* envp) {
  long result = SYS_execve;
  asm volatile("syscall" : "+a"(result) : "D"(program), "S"(argv), "d"(envp) : "rcx", "r11", "memory");
  return static_cast<int>(result);
}
#else
constexpr int kFlagsBeside = CLONE_VM | CLONE_VFORK | SIGCHLD;
int execute(const char* program, char* const* argv, char* const* envp) {
  ::execve(program, argv, envp);
  return -errno;
}
#endif

}  // namespace

/// All that the child reads lives here until the program is loaded or has ended.
struct Process::Running {
  /// Both ends lie above the standard three, which the child fills from them.
  struct Pipe {
    UniqueFd read_end, write_end;
    Pipe() {
      int ends[2];
      if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("create pipe");
      read_end.reset(ends[0]);
      write_end.reset(ends[1]);
      lift(read_end);
      lift(write_end);
    }

   private:
    static void lift(UniqueFd& end) {
      if (end.get() > STDERR_FILENO) return;
      const int lifted = ::fcntl(end.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
      if (lifted < 0) throw_errno("create pipe");
      end.reset(lifted);
    }
  };

  explicit Running(ProcessSpec started)
      : spec(std::move(started)), environment(c_pointers(spec.environment)), deadline(spec.timeout) {
    argv.push_back(spec.program.data());
    for (char* argument : c_pointers(spec.arguments)) argv.push_back(argument);
    rest = spec.input;
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    try {
      reap();
    } catch (const SystemError&) {  // there is nothing left to wait for
    }
  }

  void launch(Launch how);
  void feed();
  void collect();
  void wait_for_end() const;
  int reap();
  static int become(void* argument);

  ProcessSpec spec;
  std::vector<char*> argv, environment;
  Deadline deadline;
  Pipe in, out;
  const int its_stdin = in.read_end.get(), its_stdout = out.write_end.get();  ///< the child's own numbers
  std::string_view rest;                                                      ///< of the input
  std::string output;
  pid_t parent = ::getpid();
  pid_t pid = 0;       ///< 0 when there is none to wait for
  int exec_errno = 0;  ///< written by the child
  std::unique_ptr<char[]> stack = std::make_unique_for_overwrite<char[]>(kStackBytes);
};

/// The child until exec, in the parent's memory: calls that cannot fail, or do not touch errno.
__attribute__((no_sanitize("address", "undefined"))) int Process::Running::become(void* argument) {
  auto& self = *static_cast<Running*>(argument);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != self.parent) return 127;  // the parent died before it could be asked for the signal
  for (int number = 1; number <= SIGSYS; ++number) {
    struct sigaction action {};
    ::sigaction(number, nullptr, &action);
    if (action.sa_handler == SIG_DFL || (action.sa_handler == SIG_IGN && number != SIGPIPE)) continue;
    action = {};
    ::sigaction(number, &action, nullptr);
  }
  ::dup2(self.its_stdin, STDIN_FILENO);
  ::dup2(self.its_stdout, STDOUT_FILENO);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  self.exec_errno = -execute(self.argv[0], self.argv.data(), self.environment.data());
  return 127;
}

void Process::Running::launch(Launch how) {
  feed();
  const int flags = how == Launch::held ? CLONE_VM | CLONE_VFORK | SIGCHLD : kFlagsBeside;
  {
    const SignalsBlocked blocked;
    pid = ::clone(become, stack.get() + kStackBytes, flags, this);
  }
  if (pid < 0) throw_errno(fmt::format("start program '{}'", spec.program));
  if (how == Launch::beside) move_aside(pid);
  out.write_end.reset();
  if (rest.empty()) in.read_end.reset();
}

/// Writes as much of the input as the pipe takes. Our own read end stays open until all is written, so
/// that a program that ends without reading it does not raise SIGPIPE here.
void Process::Running::feed() {
  if (spec.input.size() > kAtomicBytes) ::fcntl(in.write_end.get(), F_SETFL, O_NONBLOCK);
  while (!rest.empty()) {
    const ssize_t n = ::write(in.write_end.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) throw_errno(fmt::format("write to program '{}'", spec.program));
    rest.remove_prefix(static_cast<size_t>(n));
  }
  in.write_end.reset();
  if (pid > 0) in.read_end.reset();
}

/// Feeds stdin and collects stdout at once, so that neither side can block the other.
void Process::Running::collect() {
  for (;;) {
    pollfd fds[2] = {{out.read_end.get(), POLLIN, 0}, {in.write_end.get(), POLLOUT, 0}};
    const int ready = ::poll(fds, in.write_end.valid() ? 2 : 1, deadline.milliseconds_left());
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) throw_errno(fmt::format("wait for program '{}'", spec.program));
    if (ready == 0) throw SystemError(ETIMEDOUT, fmt::format("wait for program '{}'", spec.program));
    if (fds[1].revents != 0) feed();
    if (fds[0].revents == 0) continue;
    char buffer[16384];
    const ssize_t n = ::read(out.read_end.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno(fmt::format("read from program '{}'", spec.program));
    if (n == 0) return;
    if (output.size() + static_cast<size_t>(n) > spec.max_output_bytes)
      throw SystemError(EFBIG, fmt::format("read from program '{}'", spec.program));
    output.append(buffer, static_cast<size_t>(n));
  }
}

/// A child may close stdout and run on. Without pidfd_open (Linux 5.3) the wait has no end.
void Process::Running::wait_for_end() const {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{process.get(), POLLIN, 0};
  if (!process.valid()) return;
  int ready = 0;
  do ready = ::poll(&ended, 1, deadline.milliseconds_left());
  while (ready < 0 && errno == EINTR);
  if (ready == 0) throw SystemError(ETIMEDOUT, fmt::format("wait for program '{}'", spec.program));
}

int Process::Running::reap() {
  const pid_t ended = std::exchange(pid, 0);
  int status = 0;
  while (::waitpid(ended, &status, 0) < 0)
    if (errno != EINTR) throw_errno(fmt::format("wait for program '{}'", spec.program));
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Process::Process(std::unique_ptr<Running> running) : running_(std::move(running)) {}
Process::Process(Process&&) noexcept = default;
Process::~Process() = default;

Process Process::start(ProcessSpec spec) {
  Process process(std::make_unique<Running>(std::move(spec)));
  process.running_->launch(Launch::beside);
  return process;
}

ProcessResult Process::finish() {
  const std::unique_ptr<Running> running = std::move(running_);  // whatever happens, it ends here
  running->collect();
  running->wait_for_end();
  const int exit_code = running->reap();
  if (running->exec_errno != 0)
    throw SystemError(running->exec_errno, fmt::format("start program '{}'", running->spec.program));
  return {.exit_code = exit_code, .output = std::move(running->output)};
}

ProcessResult run_process(ProcessSpec spec) {
  Process process(std::make_unique<Process::Running>(std::move(spec)));
  process.running_->launch(Launch::held);
  return process.finish();
}

std::vector<std::string> environment_with(const std::vector<std::string>& overrides) {
  std::vector<std::string> merged = overrides;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const bool overridden = std::any_of(overrides.begin(), overrides.end(), [&](std::string_view other) {
      return other.substr(0, other.find('=')) == name;
    });
    if (!overridden) merged.emplace_back(text);
  }
  return merged;
}

}  // namespace base
