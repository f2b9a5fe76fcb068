#include "common/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "common/base/error.h"
#include "common/base/text.h"

namespace base {
namespace {

/// Only file systems without O_TMPFILE, and replace_file_at(), ever show names that begin with this.
constexpr const char* kTemporaryPrefix = ".tmp.";
constexpr size_t kMostOfName = 200;  // in a temporary name, which has to stay below NAME_MAX

struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

/// The end keeps it from those who look for files by their extension, as container runtimes do.
std::string suffix_of(const std::string& name) { return fmt::format(".{}~", name.substr(0, kMostOfName)); }

/// ".tmp.0123456789abcdef.<name>~". By chance and not by the process' number: two containers that share a
/// directory of their host may both be process 1.
std::string temporary_name(const std::string& name) {
  uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random)
    throw_errno("get random bytes for the name of a temporary file");
  return fmt::format("{}{:016x}{}", kTemporaryPrefix, random, suffix_of(name));
}

/// Fills a named temporary file. Removes it again when that fails.
void write_temporary(int dir_fd, const std::string& name, std::string_view bytes, mode_t mode,
                     Durable durable = Durable::no) {
  const UniqueFd fd(
      ::openat(dir_fd, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd.valid()) throw_errno(fmt::format("create file {}", base::quoted(name)));
  try {
    write_all(fd.get(), bytes, base::quoted(name));
    if (durable == Durable::yes && ::fsync(fd.get()) != 0)
      throw_errno(fmt::format("sync {}", base::quoted(name)));
  } catch (...) {
    ::unlinkat(dir_fd, name.c_str(), 0);
    throw;
  }
}

}  // namespace

std::string read_all(int fd, size_t max_bytes, const std::string& what) {
  std::string bytes;
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno(fmt::format("read {}", what));
    if (n == 0) return bytes;
    if (bytes.size() + static_cast<size_t>(n) > max_bytes)
      throw SystemError(EFBIG, fmt::format("read {}", what));
    bytes.append(buffer, static_cast<size_t>(n));
  }
}

std::optional<std::string> read_file(const std::string& path, size_t max_bytes, Links links) {
  const UniqueFd fd(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | (links == Links::refuse ? O_NOFOLLOW : 0)));
  if (!fd.valid() && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!fd.valid()) throw_errno(fmt::format("open file {}", base::quoted(path)));
  return read_all(fd.get(), max_bytes, fmt::format("file {}", base::quoted(path)));
}

std::optional<std::string> read_file_at(int dir_fd, const std::string& name, size_t max_bytes) {
  const UniqueFd fd(::openat(dir_fd, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid() && (errno == ENOENT || errno == ELOOP || errno == ENXIO)) return std::nullopt;
  if (!fd.valid()) throw_errno(fmt::format("open file {}", base::quoted(name)));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw_errno(fmt::format("stat file {}", base::quoted(name)));
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return read_all(fd.get(), max_bytes, fmt::format("file {}", base::quoted(name)));
}

void write_all(int fd, std::string_view bytes, const std::string& what) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno(fmt::format("write {}", what));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

bool create_file_at(int dir_fd, const std::string& name, std::string_view bytes, mode_t mode) {
  const UniqueFd fd(::openat(dir_fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, mode));
  std::string temporary;
  if (fd.valid()) {
    write_all(fd.get(), bytes, fmt::format("file {}", base::quoted(name)));
  } else if (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT) {  // no O_TMPFILE here
    temporary = temporary_name(name);
    write_temporary(dir_fd, temporary, bytes, mode);
  } else {
    throw_errno(fmt::format("create file {}", base::quoted(name)));
  }
  const int linked = fd.valid() ? ::linkat(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd.get()).c_str(),
                                           dir_fd, name.c_str(), AT_SYMLINK_FOLLOW)
                                : ::linkat(dir_fd, temporary.c_str(), dir_fd, name.c_str(), 0);
  const int link_errno = errno;
  if (!fd.valid()) ::unlinkat(dir_fd, temporary.c_str(), 0);
  if (linked == 0) return true;
  if (link_errno == EEXIST) return false;
  throw SystemError(link_errno, fmt::format("create file {}", base::quoted(name)));
}

void replace_file_at(int dir_fd, const std::string& name, std::string_view bytes, mode_t mode,
                     Durable durable) {
  const std::string temporary = temporary_name(name);
  write_temporary(dir_fd, temporary, bytes, mode, durable);
  if (::renameat(dir_fd, temporary.c_str(), dir_fd, name.c_str()) != 0) {
    const int rename_errno = errno;
    ::unlinkat(dir_fd, temporary.c_str(), 0);
    throw SystemError(rename_errno, fmt::format("replace file {}", base::quoted(name)));
  }
  if (durable == Durable::yes && ::fsync(dir_fd) != 0)
    throw_errno(fmt::format("sync the directory of {}", base::quoted(name)));
}

bool is_temporary_name(std::string_view name) { return name.starts_with(kTemporaryPrefix); }

void remove_unfinished(int dir_fd, const std::string& name) {
  for (const std::string& entry : list_directory(dir_fd))
    if (is_temporary_name(entry) && entry.ends_with(suffix_of(name))) remove_file_at(dir_fd, entry);
}

void write_file_atomic(const std::string& path, std::string_view bytes, mode_t mode, Durable durable) {
  const std::filesystem::path target(path);
  const std::string parent = target.has_parent_path() ? target.parent_path().string() : ".";
  const UniqueFd dir = open_directory(parent);
  if (!dir.valid()) throw SystemError(ENOENT, fmt::format("open directory {}", base::quoted(parent)));
  try {
    replace_file_at(dir.get(), target.filename().string(), bytes, mode, durable);
  } catch (const SystemError& error) {
    throw SystemError(error.error_number(), fmt::format("write file {}", base::quoted(path)));
  }
}

bool remove_file_at(int dir_fd, const std::string& name) {
  if (::unlinkat(dir_fd, name.c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  throw_errno(fmt::format("remove file {}", base::quoted(name)));
}

UniqueFd open_directory(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() && errno != ENOENT) throw_errno(fmt::format("open directory {}", base::quoted(path)));
  return fd;
}

UniqueFd make_directory(const std::string& path, mode_t mode) {
  UniqueFd fd = open_directory(path);
  if (fd.valid()) return fd;
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (::mkdir(path.substr(0, slash).c_str(), mode) != 0 && errno != EEXIST)
      throw_errno(fmt::format("make directory {}", base::quoted(path.substr(0, slash))));
  }
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    throw_errno(fmt::format("make directory {}", base::quoted(path)));
  fd = open_directory(path);
  if (!fd.valid()) throw_errno(fmt::format("open directory {}", base::quoted(path)));
  return fd;
}

void make_parent_directory(const std::string& path, mode_t mode) {
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash != 0) make_directory(path.substr(0, slash), mode);
}

void for_each_name(int dir_fd, const std::function<void(std::string_view)>& visit) {
  // A description of its own, so that its read position is nobody else's.
  UniqueFd fd(::openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) throw_errno("open directory");
  const std::unique_ptr<DIR, DirCloser> dir(::fdopendir(fd.get()));
  if (!dir) throw_errno("read directory");
  fd.release();  // closed with `dir`
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (!entry) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") visit(name);
  }
  if (errno != 0) throw_errno("read directory");
}

std::vector<std::string> list_directory(int dir_fd) {
  std::vector<std::string> names;
  for_each_name(dir_fd, [&](std::string_view name) { names.emplace_back(name); });
  return names;
}

}  // namespace base
