#include "cni-ipam/disk_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "cni-ipam/lease_file.h"
#include "cni-ipam/store_error.h"
#include "common/base/error.h"

namespace ipam {
namespace {

using base::IpAddress;
using cni::Error;
using cni::ErrorCode;

constexpr int64_t kBootMargin = 2 * kSecond;  // the clock that is read at boot counts whole seconds
constexpr const char* kLockName = "lock";
constexpr const char* kCursorPrefix = "last_reserved_ip.";
constexpr const char* kTemporaryPrefix = ".tmp.";

base::FileLock lock_store(int dir_fd, const std::string& directory, unsigned timeout_seconds) {
  const std::string path = directory + "/" + kLockName;
  try {
    return base::FileLock::acquire(dir_fd, kLockName, 0750, timeout_seconds);
  } catch (const base::SystemError& error) {
    if (error.error_number() != ETIMEDOUT) throw;
    throw Error(
        ErrorCode::try_again_later,
        "lock file '" + path + "' was held by another process for " + std::to_string(timeout_seconds) + " s",
        "see who holds it with 'fuser " + path + "'; a plugin that hangs there may be killed");
  }
}

struct stat stat_directory(int dir_fd, const std::string& directory) {
  struct stat status {};
  if (::fstat(dir_fd, &status) != 0) base::throw_errno("stat directory '" + directory + "'");
  return status;
}

int64_t modified_ns(const struct stat& status) {
  return status.st_mtim.tv_sec * kSecond + status.st_mtim.tv_nsec;
}

/// A time that no change of the directory will bear: a random one between 1 and 2 seconds ago, in
/// whole nanoseconds that a coarse file system would not keep.
timespec random_past() {
  uint64_t random = 0;
  if (::getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) random = 0;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  random += static_cast<uint64_t>(now.tv_nsec);
  return {now.tv_sec - 2, static_cast<long>(1 + random % (kSecond - 1))};
}

struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

}  // namespace

/// What a scan may clear away.
struct DiskStore::ScanRules {
  std::optional<int64_t> oldest;                                     ///< leases modified before that are dead
  const std::function<bool(const std::string&)>* is_live = nullptr;  ///< nullptr: all are
  cni::Attempts* failures = nullptr;
};

std::unique_ptr<DiskStore> DiskStore::open(const std::string& directory, Mode mode, const Machine& machine,
                                           unsigned lock_timeout_seconds) {
  return guarded("open store '" + directory + "'", [&]() -> std::unique_ptr<DiskStore> {
    base::UniqueFd dir =
        mode == Mode::create ? base::make_directory(directory, 0755) : base::open_directory(directory);
    if (!dir.valid()) return nullptr;
    std::optional<base::FileLock> lock;
    if (mode != Mode::look || ::faccessat(dir.get(), kLockName, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
      lock.emplace(lock_store(dir.get(), directory, lock_timeout_seconds));
    std::unique_ptr<DiskStore> store(new DiskStore(directory, std::move(dir), std::move(lock), mode));
    store->load(machine);
    return store;
  });
}

DiskStore::DiskStore(std::string directory, base::UniqueFd dir, std::optional<base::FileLock> lock, Mode mode)
    : directory_(std::move(directory)), dir_(std::move(dir)), lock_(std::move(lock)), mode_(mode) {}

DiskStore::~DiskStore() {
  try {
    seal();
  } catch (const std::exception&) {  // without a seal the next call reads all leases, and that is all
  }
}

void DiskStore::load(const Machine& machine) {
  const struct stat status = stat_directory(dir_.get(), directory_);
  identity_ = {machine.boot_id(), status.st_dev, status.st_ino};
  if (!identity_.boot_id.empty()) index_path_ = index_path(machine.state_directory, directory_);
  bool swept = false;
  if (!index_path_.empty()) {
    index_ = LeaseIndex::open(index_path_, identity_, mode_ != Mode::look);
    swept = index_ && index_->swept();
    complete_ = index_ && index_->mark() != 0 && index_->mark() == modified_ns(status);
    if (complete_) return;
  }
  ScanRules rules;
  if (!swept)
    if (const auto boot = machine.boot_time()) rules.oldest = *boot - kBootMargin;
  scan(rules);
}

void DiskStore::scan(const ScanRules& rules) {
  complete_ = false;
  changed_ = true;
  index_.emplace(identity_);
  index_->set_swept();
  unreadable_.clear();
  const int fd = ::openat(dir_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, DirCloser> dir(fd < 0 ? nullptr : ::fdopendir(fd));
  if (!dir) base::throw_errno("read directory '" + directory_ + "'");
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (!entry) break;
    const std::string name = entry->d_name;
    if (const auto address = lease_address(name)) {
      scan_lease(name, *address, rules);
    } else if (rules.failures && name.starts_with(kTemporaryPrefix)) {
      rules.failures->run("remove file '" + path_of(name) + "'",
                          [&] { base::remove_file_at(dir_.get(), name); });
    }
  }
  if (errno != 0) base::throw_errno("read directory '" + directory_ + "'");
  complete_ = true;
}

void DiskStore::scan_lease(const std::string& name, const IpAddress& address, const ScanRules& rules) {
  const LeaseFile lease = read_lease(dir_.get(), name, rules.oldest.has_value());
  if (lease.state == LeaseFile::State::absent) return;
  if (lease.state != LeaseFile::State::read) {
    if (lease.state == LeaseFile::State::unreadable) unreadable_.push_back(path_of(name));
    index_->insert_unowned(address);
    return;
  }
  const bool torn = lease.mark.empty();
  const bool dead = torn ||
                    (rules.oldest && lease.modified < *rules.oldest && lease.modified >= kClockUnset) ||
                    (rules.is_live && !(*rules.is_live)(lease.mark));
  if (dead && mode_ == Mode::look) return;  // as good as free: the next ADD takes it back
  if (dead) {
    cni::Attempts ignored;
    bool removed = false;
    (rules.failures ? *rules.failures : ignored).run("remove lease '" + path_of(name) + "'", [&] {
      base::remove_file_at(dir_.get(), name);
      removed = true;
    });
    if (removed) return;
  }
  if (torn) {
    index_->insert_unowned(address);
  } else {
    index_->insert(address, lease.mark);
  }
}

void DiskStore::collect(const std::function<bool(const std::string& mark)>& is_live) {
  cni::Attempts failures;
  scan({std::nullopt, &is_live, &failures});
  failures.throw_if_any();
}

std::vector<IpAddress> DiskStore::held_by(const std::string& mark) {
  std::vector<IpAddress> held;
  for (const bool last_try : {false, true}) {
    held.clear();
    bool doubtful = false;
    for (const IpAddress& address : index_->find(mark)) {
      const LeaseFile lease = read_lease(dir_.get(), address.str(), false);
      if (lease.mark == mark) held.push_back(address);
      // Another owner with the same hash is no reason to doubt.
      doubtful = doubtful || hash_mark(lease.mark) != hash_mark(mark);
    }
    if (!doubtful || last_try) break;
    scan({});  // the index does not tell what is there
  }
  std::sort(held.begin(), held.end());
  return held;
}

std::optional<std::string> DiskStore::mark_of(const IpAddress& address) {
  const LeaseFile lease = read_lease(dir_.get(), address.str(), false);
  if (lease.state == LeaseFile::State::absent) return std::nullopt;
  return lease.state == LeaseFile::State::read ? lease.mark
                                               : "unknown: '" + path_of(address.str()) + "' cannot be read";
}

std::optional<IpAddress> DiskStore::first_free(const IpAddress& first, const IpAddress& last) {
  return index_->first_free(first, last);
}

bool DiskStore::reserve(const IpAddress& address, const Owner& owner) {
  const std::string name = address.str();
  const std::string mark = owner.mark();
  return guarded("create lease '" + path_of(name) + "'", [&] {
    bool created = base::create_file_at(dir_.get(), name, mark, 0600);
    if (!created && !index_->is_taken(address)) {
      // Someone wrote here without the lock. Under the lock an empty lease is a dead one.
      complete_ = false;
      index_->distrust();
      const LeaseFile lease = read_lease(dir_.get(), name, false);
      if (lease.state == LeaseFile::State::read && lease.mark.empty() &&
          base::remove_file_at(dir_.get(), name))
        created = base::create_file_at(dir_.get(), name, mark, 0600);
    }
    if (created) {
      changed_ = true;
      index_->insert(address, mark);
    }
    return created;
  });
}

void DiskStore::release(const IpAddress& address, const std::string& mark) {
  const std::string name = address.str();
  guarded("remove lease '" + path_of(name) + "'", [&] { base::remove_file_at(dir_.get(), name); });
  changed_ = true;
  index_->erase(address, mark);
}

std::optional<IpAddress> DiskStore::last_reserved(size_t set) {
  const LeaseFile file = read_lease(dir_.get(), kCursorPrefix + std::to_string(set), false);
  return IpAddress::parse(file.mark);
}

void DiskStore::set_last_reserved(size_t set, const IpAddress& address) {
  const std::string name = kCursorPrefix + std::to_string(set);
  const std::string text = address.str();
  // In place, as host-local does; its readers hold the lock. No O_TRUNC: ext4 writes a file that was
  // truncated to nothing to the disk at close().
  const base::UniqueFd fd(
      ::openat(dir_.get(), name.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  struct stat status {};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  const auto size = static_cast<off_t>(text.size());
  if (::pwrite(fd.get(), text.data(), text.size(), 0) != size) return;
  if (status.st_size > size && ::ftruncate(fd.get(), size) != 0) return;
}

Usage DiskStore::usage(const RangeSet& set) {
  Usage usage;
  std::vector<uint64_t> containers;
  for (const Range& range : set) {
    usage.addresses += std::min(range.size(), UINT64_MAX - usage.addresses);
    usage.held += index_->count(range.first, range.last);
    if (range.contains(range.gateway) && index_->is_taken(range.gateway)) --usage.held;
    index_->containers(range.first, range.last, containers);
  }
  std::sort(containers.begin(), containers.end());
  usage.containers =
      static_cast<uint64_t>(std::unique(containers.begin(), containers.end()) - containers.begin());
  return usage;
}

/// Makes the index believable for the next call: whoever changes the directory from now on gives it
/// another time than the one that is set and recorded here.
void DiskStore::seal() {
  if (!changed_ || !complete_ || mode_ == Mode::look || index_path_.empty() || !unreadable_.empty()) return;
  const timespec past = random_past();
  const timespec times[2] = {{0, UTIME_OMIT}, past};
  if (::futimens(dir_.get(), times) != 0) return;
  const int64_t mark = modified_ns(stat_directory(dir_.get(), directory_));
  if (mark != past.tv_sec * kSecond + past.tv_nsec) return;  // a file system with coarse times
  index_->publish(index_path_, mark);
  changed_ = false;
}

}  // namespace ipam
