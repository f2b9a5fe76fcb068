#include "common/base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <cerrno>
#include <csignal>

#include "common/base/deadline.h"
#include "common/base/error.h"
#include "common/base/text.h"

namespace base {
namespace {

/// Interrupts the blocked system calls of this process from `after` on.
class AlarmScope {
 public:
  explicit AlarmScope(std::chrono::seconds after) {
    struct sigaction action {};
    action.sa_handler = [](int) {};  // no SA_RESTART: the blocked call returns EINTR
    ::sigaction(SIGALRM, &action, &old_action_);
    sigset_t alarm;
    ::sigemptyset(&alarm);
    ::sigaddset(&alarm, SIGALRM);
    ::sigprocmask(SIG_UNBLOCK, &alarm, &old_mask_);  // a caller may have started us with it blocked
    // The interval repeats, so that a signal that arrives just before flock() is not the last one.
    const itimerval timer{.it_interval = {.tv_sec = 0, .tv_usec = 100'000},
                          .it_value = {.tv_sec = static_cast<time_t>(after.count()), .tv_usec = 0}};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
  }
  AlarmScope(const AlarmScope&) = delete;
  AlarmScope& operator=(const AlarmScope&) = delete;
  ~AlarmScope() {
    const itimerval off{};
    ::setitimer(ITIMER_REAL, &off, nullptr);
    ::sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
    ::sigaction(SIGALRM, &old_action_, nullptr);
  }

 private:
  struct sigaction old_action_ {};
  sigset_t old_mask_{};
};

/// Somebody has put another thing there, or no file can be made.
bool is_no_file(int error_number) {
  switch (error_number) {
    case EISDIR:
    case ELOOP:
    case ENXIO:
    case ENODEV:
    case ENOSPC:
    case EDQUOT:
    case EROFS:
      return true;
    default:
      return false;
  }
}

/// The file to lock.
UniqueFd open_lock(int dir_fd, const std::string& name, mode_t mode) {
  // O_NONBLOCK: should a FIFO be there, opening it must not wait for its other end.
  UniqueFd fd(::openat(dir_fd, name.c_str(), O_CREAT | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode));
  if (!fd.valid() && is_no_file(errno)) fd.reset(::openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) throw_errno(fmt::format("open lock file {}", base::quoted(name)));
  struct stat status {};
  if (::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & ~mode & 0777) != 0)
    ::fchmod(fd.get(), mode);  // another program, or an earlier version, made it
  return fd;
}

}  // namespace

FileLock FileLock::acquire(int dir_fd, const std::string& name, mode_t mode, std::chrono::seconds timeout) {
  UniqueFd fd = open_lock(dir_fd, name, mode);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return FileLock(std::move(fd));
  const std::string doing = fmt::format("lock file {}", base::quoted(name));
  if (errno != EWOULDBLOCK) throw_errno(doing);
  const AlarmScope alarm(timeout);
  const Deadline deadline(timeout);
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) throw_errno(doing);
    if (deadline.passed()) throw SystemError(ETIMEDOUT, doing);
  }
  return FileLock(std::move(fd));
}

std::optional<FileLock> FileLock::try_acquire(int dir_fd, const std::string& name, mode_t mode) {
  UniqueFd fd = open_lock(dir_fd, name, mode);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return FileLock(std::move(fd));
  if (errno != EWOULDBLOCK) throw_errno(fmt::format("lock file {}", base::quoted(name)));
  return std::nullopt;
}

std::optional<FileLock> FileLock::try_acquire(const std::string& path, mode_t mode) {
  UniqueFd fd(::open(path.c_str(), O_CREAT | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode));
  if (!fd.valid()) throw_errno(fmt::format("open lock file {}", base::quoted(path)));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return FileLock(std::move(fd));
  if (errno != EWOULDBLOCK) throw_errno(fmt::format("lock file {}", base::quoted(path)));
  return std::nullopt;
}

}  // namespace base
