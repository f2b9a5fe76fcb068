#include "flanneld/store/directory/lease_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <utility>

#include "common/base/error.h"

namespace flanneld {

using std::chrono::seconds;
using std::chrono::sys_seconds;

namespace {

constexpr size_t kMaxConfigBytes = 1 << 20;
constexpr mode_t kEntryMode = 0644, kDirectoryMode = 0755, kLockMode = 0600;
constexpr seconds kLockTimeout{1};

/// The modification time; nullopt when there is no such file.
std::optional<sys_seconds> expiry_of(int dir_fd, const std::string& name) {
  struct stat status {};
  if (::fstatat(dir_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
    return sys_seconds(seconds(status.st_mtim.tv_sec));
  if (errno == ENOENT) return std::nullopt;
  base::throw_errno(fmt::format("stat file '{}'", name));
}

/// False when the directory that is open has been removed, or another is in its place.
bool is_in_place(int dir_fd, const std::string& path) {
  struct stat opened {
  }, there{};
  return ::fstat(dir_fd, &opened) == 0 && ::stat(path.c_str(), &there) == 0 &&
         opened.st_dev == there.st_dev && opened.st_ino == there.st_ino;
}

}  // namespace

std::string LeaseFiles::subnets_path() const { return fmt::format("{}/subnets", path_); }

void LeaseFiles::open() {
  directory_ = base::make_directory(path_, kDirectoryMode);
  subnets_ = base::make_directory(subnets_path(), kDirectoryMode);
}

bool LeaseFiles::is_open() const {
  return directory_.valid() && is_in_place(directory_.get(), path_) &&
         is_in_place(subnets_.get(), subnets_path());
}

std::optional<std::string> LeaseFiles::read_config() const {
  return base::read_file_at(directory_.get(), "config", kMaxConfigBytes);
}

base::FileLock LeaseFiles::lock() const {
  return base::FileLock::acquire(directory_.get(), "lock", kLockMode, kLockTimeout);
}

std::optional<base::FileLock> LeaseFiles::try_lock() const {
  return base::FileLock::try_acquire(directory_.get(), "lock", kLockMode);
}

std::vector<Lease> LeaseFiles::read(const std::vector<Lease>& known, Unreadable unreadable) {
  unreadable_.begin_list();
  std::map<std::string, LeaseKey> files;  // not the names of junk, of which there may be any number
  base::for_each_name(subnets_.get(), [&](std::string_view one) {
    if (one.front() == '.') return;  // being written
    const std::string name(one);
    const auto key = LeaseKey::parse(name);
    if (key && key->format() == name)
      files.emplace(name, *key);
    else
      skip(name, "the name is not the key of a lease");
  });
  std::vector<Lease> leases;
  for (const auto& [name, key] : files) {
    try {
      if (auto lease = read_lease(name, key)) leases.push_back(std::move(*lease));
    } catch (const base::SystemError& error) {
      if (error.error_number() == EFBIG) {
        skip(name, error.what());
        continue;
      }
      if (unreadable == Unreadable::is_error) throw;
      skip(name, fmt::format("{}; what was read from it last stays in force", error.what()));
      const auto last = std::find_if(known.begin(), known.end(),
                                     [&wanted = key](const Lease& lease) { return lease.key == wanted; });
      if (last != known.end()) leases.push_back(*last);
    }
  }
  if (unreadable_.end_list())
    skipped_({subnets_path(), fmt::format("{} more files in it cannot be used", unreadable_.unnamed())});
  return leases;
}

std::optional<Lease> LeaseFiles::read_lease(const std::string& name, const LeaseKey& key) {
  const auto expiry = expiry_of(subnets_.get(), name);
  if (!expiry) return std::nullopt;  // it has just gone
  const auto text = base::read_file_at(subnets_.get(), name, kMaxLeaseBytes);
  if (!text) {
    if (expiry_of(subnets_.get(), name)) skip(name, "it is not a regular file");
    return std::nullopt;
  }
  const bool is_reservation = *expiry < sys_seconds(std::chrono::years(1));
  if (!is_reservation && *expiry <= now_()) {
    ::unlinkat(subnets_.get(), name.c_str(), 0);  // where it cannot be removed it has ended all the same
    return std::nullopt;
  }
  try {
    Lease lease{key, LeaseAttributes::parse(*text), is_reservation ? std::nullopt : expiry};
    unreadable_.remove(fmt::format("{}/{}", subnets_path(), name));
    return lease;
  } catch (const base::ParseError& error) {
    skip(name, error.what(), *text);
    return std::nullopt;
  }
}

void LeaseFiles::skip(const std::string& name, const std::string& reason, const std::string& value) {
  const std::string path = fmt::format("{}/{}", subnets_path(), name);
  if (unreadable_.add(path, value, reason)) skipped_({path, reason});
}

void LeaseFiles::write(const Lease& lease) {
  const std::string name = lease.key.format(), temporary = fmt::format(".{}", name);
  const std::string doing = fmt::format("write lease {}/{}", subnets_path(), name);
  const sys_seconds expiry = lease.expiry.value_or(sys_seconds{});
  base::remove_file_at(subnets_.get(), temporary);  // of an earlier run, or no regular file at all
  base::UniqueFd fd(::openat(subnets_.get(), temporary.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kEntryMode));
  if (!fd.valid()) base::throw_errno(doing);
  base::write_all(fd.get(), lease.attributes.format(), fmt::format("lease {}", name));
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT},
                                      timespec{expiry.time_since_epoch().count(), 0}};
  if (::futimens(fd.get(), times.data()) != 0 ||
      ::renameat(subnets_.get(), temporary.c_str(), subnets_.get(), name.c_str()) != 0)
    base::throw_errno(doing);
  struct stat status {};
  if (::fstat(fd.get(), &status) == 0) written_ = status.st_ino;
}

bool LeaseFiles::is_as_written(const LeaseKey& key) const {
  struct stat status {};
  return ::fstatat(subnets_.get(), key.format().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
         status.st_ino == written_;
}

void LeaseFiles::remove(const LeaseKey& key) const { base::remove_file_at(subnets_.get(), key.format()); }

}  // namespace flanneld
