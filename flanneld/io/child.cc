#include "flanneld/io/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <vector>

#include "common/base/error.h"
#include "common/base/text.h"

namespace flanneld {
namespace {

using namespace std::chrono_literals;

constexpr size_t kMaxMessageBytes = 4096;
constexpr auto kEndPoll = 20ms;

struct Pipe {
  base::UniqueFd ours, theirs;

  enum class Direction { to_child, from_child };
  explicit Pipe(Direction direction) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) base::throw_errno("create pipe");
    const bool is_to_child = direction == Direction::to_child;
    ours.reset(ends[is_to_child ? 1 : 0]);
    theirs.reset(ends[is_to_child ? 0 : 1]);
    ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  }
};

/// What posix_spawn wants to know besides the program.
class SpawnSettings {
 public:
  SpawnSettings(const Pipe& in, const Pipe& out, const Pipe& messages) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, in.theirs.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, out.theirs.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, messages.theirs.get(), STDERR_FILENO);
    // The loop's blocked signals and its ignored SIGPIPE are not for the program.
    sigset_t none, pipe;
    ::sigemptyset(&none);
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &pipe);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::vector<char*> c_pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Reads what is there and shows it to `take`. False at the end of the stream, or when `take` wants no more.
template <class Take>
bool read_available(int fd, Take&& take) {
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0 || !take(std::string_view(buffer.data(), static_cast<size_t>(n)))) return false;
  }
}

}  // namespace

std::string ChildResult::reason() const {
  if (error_number != 0) return failure;
  const std::string_view first = base::trimmed(base::split(base::trimmed(messages), '\n').front());
  return first.empty() ? fmt::format("exit status {}", exit_code) : std::string(first);
}

void Child::Stream::close(EventLoop& loop) {
  if (!fd.valid()) return;
  loop.unwatch(fd.get());
  fd.reset();
}

Child::Child(EventLoop& loop, base::ProcessSpec spec, Done done, Messages messages)
    : loop_(loop),
      spec_(std::move(spec)),
      done_(std::move(done)),
      deadline_(loop, [this] { fail(ETIMEDOUT, "wait for"); }),
      end_(loop, [this] { check_end(); }) {
  rest_ = spec_.input;
  try {
    start(messages);
  } catch (const base::SystemError& error) {
    result_.error_number = error.error_number();
    result_.failure = error.what();
    end_.start(0ms);
  }
}

Child::~Child() {
  for (Stream* stream : {&stdin_, &stdout_, &stderr_, &process_}) stream->close(loop_);
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Child::start(Messages messages) {
  Pipe in(Pipe::Direction::to_child), out(Pipe::Direction::from_child), errors(Pipe::Direction::from_child);
  std::vector<std::string> words{spec_.program};
  words.insert(words.end(), spec_.arguments.begin(), spec_.arguments.end());
  const SpawnSettings settings(in, out, messages == Messages::joined ? out : errors);
  const int error = ::posix_spawn(&pid_, spec_.program.c_str(), settings.actions(), settings.attributes(),
                                  c_pointers(words).data(), c_pointers(spec_.environment).data());
  if (error != 0) {
    pid_ = 0;
    throw base::SystemError(error, fmt::format("start program {}", base::quoted(spec_.program)));
  }
  stdin_.fd = std::move(in.ours);
  stdout_.fd = std::move(out.ours);
  stderr_.fd = std::move(errors.ours);
  process_.fd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  loop_.watch(stdout_.fd.get(), EPOLLIN, [this](uint32_t) { collect(); });
  loop_.watch(stderr_.fd.get(), EPOLLIN, [this](uint32_t) { collect_messages(); });
  if (process_.fd.valid())
    loop_.watch(process_.fd.get(), EPOLLIN, [this](uint32_t) { check_end(); });
  else
    end_.start(kEndPoll);  // before Linux 5.3
  deadline_.start(spec_.timeout);
  if (rest_.empty()) {
    stdin_.close(loop_);
    return;
  }
  stdin_reader_ = std::move(in.theirs);
  loop_.watch(stdin_.fd.get(), EPOLLOUT, [this](uint32_t) { feed(); });
}

void Child::feed() {
  const ssize_t n = ::write(stdin_.fd.get(), rest_.data(), rest_.size());
  if (n > 0) rest_.remove_prefix(static_cast<size_t>(n));
  const bool has_failed = n < 0 && errno != EAGAIN && errno != EINTR;
  if (!rest_.empty() && !has_failed) return;
  stdin_.close(loop_);
  stdin_reader_.reset();
}

void Child::collect() {
  bool is_too_much = false;
  const bool goes_on = read_available(stdout_.fd.get(), [&](std::string_view bytes) {
    is_too_much = result_.output.size() + bytes.size() > spec_.max_output_bytes;
    if (!is_too_much) result_.output += bytes;
    return !is_too_much;
  });
  if (!goes_on) stdout_.close(loop_);
  if (is_too_much) fail(EFBIG, "read from");
}

void Child::collect_messages() {
  const bool goes_on = read_available(stderr_.fd.get(), [&](std::string_view bytes) {
    result_.messages +=
        bytes.substr(0, kMaxMessageBytes - std::min(result_.messages.size(), kMaxMessageBytes));
    return true;
  });
  if (!goes_on) stderr_.close(loop_);
}

/// Kills the program; its end is then noticed as any other.
void Child::fail(int error_number, std::string_view doing) {
  if (result_.error_number == 0) {
    result_.error_number = error_number;
    result_.failure =
        fmt::format("{} program {}: {}", doing, base::quoted(spec_.program), base::errno_text(error_number));
  }
  if (pid_ != 0) ::kill(pid_, SIGKILL);
}

void Child::check_end() {
  if (pid_ != 0) {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == 0 || (ended < 0 && errno == EINTR)) {
      if (!process_.fd.valid()) end_.start(kEndPoll);
      return;
    }
    pid_ = 0;
    result_.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  finish();
}

/// What a program's own children still write is not waited for.
void Child::finish() {
  if (stdout_.fd.valid()) collect();
  if (stderr_.fd.valid()) collect_messages();
  for (Stream* stream : {&stdin_, &stdout_, &stderr_, &process_}) stream->close(loop_);
  stdin_reader_.reset();
  deadline_.cancel();
  const Done done = std::move(done_);
  ChildResult result = std::move(result_);
  done(std::move(result));  // this object may be gone now
}

}  // namespace flanneld
