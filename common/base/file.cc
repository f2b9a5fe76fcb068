#include "common/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "common/base/deadline.h"
#include "common/base/error.h"

namespace base {
namespace {

/// Names of half-written files begin with this. Only file systems without O_TMPFILE ever see one.
constexpr const char* kTemporaryPrefix = ".tmp.";

struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

std::string quoted(const std::string& name) { return "'" + name + "'"; }

std::string temporary_name(const std::string& name) {
  return kTemporaryPrefix + std::to_string(::getpid()) + "." + name;
}

/// Fills a named temporary file. Removes it again when that fails.
void write_temporary(int dir_fd, const std::string& name, std::string_view bytes, mode_t mode,
                     Durable durable = Durable::no) {
  const auto create = [&] {
    return ::openat(dir_fd, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  };
  UniqueFd fd(create());
  // Of a process that was killed and had the same number, or whatever somebody has put there.
  if (!fd.valid() && errno == EEXIST && ::unlinkat(dir_fd, name.c_str(), 0) == 0) fd.reset(create());
  if (!fd.valid()) throw_errno("create file " + quoted(name));
  try {
    write_all(fd.get(), bytes, quoted(name));
    if (durable == Durable::yes && ::fsync(fd.get()) != 0) throw_errno("sync " + quoted(name));
  } catch (...) {
    ::unlinkat(dir_fd, name.c_str(), 0);
    throw;
  }
}

/// Waits out a lock by letting a timer signal interrupt flock(2): no polling, no thread.
class AlarmScope {
 public:
  explicit AlarmScope(unsigned seconds) {
    struct sigaction action {};
    action.sa_handler = [](int) {};  // no SA_RESTART: the blocked call returns EINTR
    ::sigaction(SIGALRM, &action, &old_action_);
    sigset_t alarm;
    ::sigemptyset(&alarm);
    ::sigaddset(&alarm, SIGALRM);
    ::sigprocmask(SIG_UNBLOCK, &alarm, &old_mask_);  // a caller may have started us with it blocked
    // The interval repeats, so that a signal that arrives just before flock() is not the last one.
    const itimerval timer{{0, 100'000}, {static_cast<time_t>(seconds), 0}};
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

}  // namespace

std::string read_all(int fd, size_t max_bytes, const std::string& what) {
  std::string bytes;
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("read " + what);
    if (n == 0) return bytes;
    if (bytes.size() + static_cast<size_t>(n) > max_bytes) throw SystemError(EFBIG, "read " + what);
    bytes.append(buffer, static_cast<size_t>(n));
  }
}

std::optional<std::string> read_file(const std::string& path, size_t max_bytes, bool follow) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW)));
  if (!fd.valid() && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!fd.valid()) throw_errno("open file " + quoted(path));
  return read_all(fd.get(), max_bytes, "file " + quoted(path));
}

std::optional<std::string> read_file_at(int dir_fd, const std::string& name, size_t max_bytes) {
  const UniqueFd fd(::openat(dir_fd, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid() && (errno == ENOENT || errno == ELOOP || errno == ENXIO)) return std::nullopt;
  if (!fd.valid()) throw_errno("open file " + quoted(name));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw_errno("stat file " + quoted(name));
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return read_all(fd.get(), max_bytes, "file " + quoted(name));
}

void write_all(int fd, std::string_view bytes, const std::string& what) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("write " + what);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

bool create_file_at(int dir_fd, const std::string& name, std::string_view bytes, mode_t mode) {
  const UniqueFd fd(::openat(dir_fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, mode));
  std::string temporary;
  if (fd.valid()) {
    write_all(fd.get(), bytes, "file " + quoted(name));
  } else if (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT) {  // no O_TMPFILE here
    temporary = temporary_name(name);
    write_temporary(dir_fd, temporary, bytes, mode);
  } else {
    throw_errno("create file " + quoted(name));
  }
  const int linked = fd.valid() ? ::linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd.get())).c_str(),
                                           dir_fd, name.c_str(), AT_SYMLINK_FOLLOW)
                                : ::linkat(dir_fd, temporary.c_str(), dir_fd, name.c_str(), 0);
  const int link_errno = errno;
  if (!fd.valid()) ::unlinkat(dir_fd, temporary.c_str(), 0);
  if (linked == 0) return true;
  if (link_errno == EEXIST) return false;
  throw SystemError(link_errno, "create file " + quoted(name));
}

void replace_file_at(int dir_fd, const std::string& name, std::string_view bytes, mode_t mode,
                     Durable durable) {
  const std::string temporary = temporary_name(name);
  write_temporary(dir_fd, temporary, bytes, mode, durable);
  if (::renameat(dir_fd, temporary.c_str(), dir_fd, name.c_str()) != 0) {
    const int rename_errno = errno;
    ::unlinkat(dir_fd, temporary.c_str(), 0);
    throw SystemError(rename_errno, "replace file " + quoted(name));
  }
  if (durable == Durable::yes && ::fsync(dir_fd) != 0) throw_errno("sync the directory of " + quoted(name));
}

void remove_unfinished(int dir_fd, const std::string& name) {
  for (const std::string& entry : list_directory(dir_fd))
    if (entry.starts_with(kTemporaryPrefix) && entry.ends_with("." + name)) remove_file_at(dir_fd, entry);
}

void write_file_atomic(const std::string& path, std::string_view bytes, mode_t mode, Durable durable) {
  const std::filesystem::path target(path);
  const std::string parent = target.has_parent_path() ? target.parent_path().string() : ".";
  const UniqueFd dir = open_directory(parent);
  if (!dir.valid()) throw SystemError(ENOENT, "open directory " + quoted(parent));
  try {
    replace_file_at(dir.get(), target.filename().string(), bytes, mode, durable);
  } catch (const SystemError& error) {
    throw SystemError(error.error_number(), "write file " + quoted(path));
  }
}

bool remove_file_at(int dir_fd, const std::string& name) {
  if (::unlinkat(dir_fd, name.c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  throw_errno("remove file " + quoted(name));
}

UniqueFd open_directory(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() && errno != ENOENT) throw_errno("open directory " + quoted(path));
  return fd;
}

UniqueFd make_directory(const std::string& path, mode_t mode) {
  UniqueFd fd = open_directory(path);
  if (fd.valid()) return fd;
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (::mkdir(path.substr(0, slash).c_str(), mode) != 0 && errno != EEXIST)
      throw_errno("make directory " + quoted(path.substr(0, slash)));
  }
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) throw_errno("make directory " + quoted(path));
  fd = open_directory(path);
  if (!fd.valid()) throw_errno("open directory " + quoted(path));
  return fd;
}

void make_parent_directory(const std::string& path, mode_t mode) {
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash != 0) make_directory(path.substr(0, slash), mode);
}

std::vector<std::string> list_directory(int dir_fd) {
  // A description of its own, so that its read position is nobody else's.
  UniqueFd fd(::openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) throw_errno("open directory");
  const std::unique_ptr<DIR, DirCloser> dir(::fdopendir(fd.get()));
  if (!dir) throw_errno("read directory");
  fd.release();  // closed with `dir`
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (!entry) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) throw_errno("read directory");
  return names;
}

FileLock FileLock::acquire(int dir_fd, const std::string& name, mode_t mode, unsigned timeout_seconds) {
  // Not to wait for the other end should somebody have put a FIFO there.
  UniqueFd fd(::openat(dir_fd, name.c_str(), O_CREAT | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode));
  if (!fd.valid()) throw_errno("open lock file " + quoted(name));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return FileLock(std::move(fd));
  if (errno != EWOULDBLOCK) throw_errno("lock file " + quoted(name));
  const AlarmScope alarm(timeout_seconds);
  const Deadline deadline{std::chrono::seconds(timeout_seconds)};
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) throw_errno("lock file " + quoted(name));
    if (deadline.passed()) throw SystemError(ETIMEDOUT, "lock file " + quoted(name));
  }
  return FileLock(std::move(fd));
}

}  // namespace base
