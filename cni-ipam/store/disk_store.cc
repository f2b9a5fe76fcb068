#include "cni-ipam/store/disk_store.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "cni-ipam/store/lease_file.h"
#include "cni-ipam/store/store_error.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/file.h"

namespace ipam {
namespace {

using base::IpAddress;
using cni::Error;
using cni::ErrorCode;

constexpr const char* kLockName = "lock";
constexpr mode_t kLockMode = 0600;
constexpr size_t kMaxBootId = 64;
constexpr size_t kMostSurprises = 64;  // then reading all leases is cheaper

std::string cursor_name(size_t set) { return fmt::format("last_reserved_ip.{}", set); }

base::FileLock lock_store(int dir_fd, const std::string& directory, std::chrono::seconds timeout) {
  const std::string path = fmt::format("{}/{}", directory, kLockName);
  try {
    return base::FileLock::acquire(dir_fd, kLockName, kLockMode, timeout);
  } catch (const base::SystemError& error) {
    if (error.error_number() != ETIMEDOUT) throw;
    throw Error(
        ErrorCode::try_again_later,
        fmt::format("lock file '{}' was held by another process for {} s", path, timeout.count()),
        fmt::format("see who holds it with 'fuser {}'; a plugin that hangs there may be killed", path));
  }
}

/// The boot in which the leases were judged, in the lock file: host-local makes one too and reads nothing of
/// it. Unlike the index it outlives a /run that somebody empties. Without it, leases that were made while the
/// clock was set back would be judged by their times, and seem older than the boot.
bool were_judged_in(int dir_fd, const std::string& boot_id) {
  return !boot_id.empty() && base::read_file_at(dir_fd, kLockName, kMaxBootId) == boot_id;
}

void note_judged_in(int dir_fd, const std::string& boot_id) {
  const base::UniqueFd fd(::openat(dir_fd, kLockName, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  // Where it cannot be written, the times decide once more.
  if (::pwrite(fd.get(), boot_id.data(), boot_id.size(), 0) == static_cast<ssize_t>(boot_id.size()))
      [[maybe_unused]]
    const int ignored = ::ftruncate(fd.get(), static_cast<off_t>(boot_id.size()));
}

struct stat stat_directory(int dir_fd, const std::string& directory) {
  struct stat status {};
  if (::fstat(dir_fd, &status) != 0) base::throw_errno(fmt::format("stat directory '{}'", directory));
  return status;
}

/// A time that no change of the directory will bear: a random one between 1 and 2 seconds ago, in
/// whole nanoseconds that a coarse file system would not keep.
timespec random_past() {
  uint64_t random = 0;
  if (::getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) random = 0;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  random += static_cast<uint64_t>(now.tv_nsec);
  return {now.tv_sec - 2, static_cast<long>(1 + random % (base::kSecond - 1))};
}

}  // namespace

std::unique_ptr<DiskStore> DiskStore::open(const std::string& directory, Mode mode, const Machine& machine,
                                           std::chrono::seconds lock_timeout) {
  return guarded(fmt::format("open store '{}'", directory), [&]() -> std::unique_ptr<DiskStore> {
    base::UniqueFd dir =
        mode == Mode::create ? base::make_directory(directory, 0755) : base::open_directory(directory);
    if (!dir.valid()) return nullptr;
    const std::string boot_id = machine.boot_id();  // before the lock: others wait for it
    std::optional<base::FileLock> lock;
    if (mode != Mode::look || ::faccessat(dir.get(), kLockName, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
      lock.emplace(lock_store(dir.get(), directory, lock_timeout));
    std::unique_ptr<DiskStore> store(new DiskStore(directory, std::move(dir), std::move(lock), mode));
    store->load(machine, boot_id);
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

void DiskStore::load(const Machine& machine, const std::string& boot_id) {
  const struct stat status = stat_directory(dir_.get(), directory_);
  identity_ = {boot_id, status.st_dev, status.st_ino};
  if (!identity_.boot_id.empty()) index_path_ = index_path(machine.state_directory, directory_);
  if (!index_path_.empty()) {
    index_ = LeaseIndex::open(index_path_, identity_,
                              mode_ == Mode::look ? LeaseIndex::Access::read : LeaseIndex::Access::write);
    complete_ =
        index_ && index_->sealed_at() != 0 && index_->sealed_at() == base::nanoseconds(status.st_mtim);
    if (index_ && index_->swept()) return;
  }
  ScanRules rules;
  if (!were_judged_in(dir_.get(), boot_id))
    if (const auto boot = machine.boot_time()) rules.oldest = *boot - base::kBootMargin;
  scan(rules);
  if (rules.oldest && mode_ != Mode::look) note_judged_in(dir_.get(), boot_id);
}

std::vector<IpAddress> DiskStore::held_by(const std::string& mark) {
  std::vector<IpAddress> held;
  for (const IpAddress& address : index_->find(mark)) {
    const LeaseFile lease = read_lease(dir_.get(), address.str());
    if (lease.mark == mark)
      held.push_back(address);
    else
      complete_ = false;  // another program changed the store, or two marks have the same hash
  }
  std::sort(held.begin(), held.end());
  return held;
}

std::vector<IpAddress> DiskStore::find_all(const std::string& mark, const std::vector<RangeSet>& sets) {
  auto held = held_by(mark);
  const bool one_of_each = !sets.empty() && std::all_of(sets.begin(), sets.end(), [&](const RangeSet& set) {
    return std::any_of(held.begin(), held.end(),
                       [&](const IpAddress& address) { return find_range(set, address); });
  });
  if (complete_ || looked_ == Looked::at_leases || one_of_each) return held;
  scan({});
  return held_by(mark);
}

std::optional<std::string> DiskStore::mark_of(const IpAddress& address) {
  const LeaseFile lease = read_lease(dir_.get(), address.str());
  if (lease.state == LeaseFile::State::absent) return std::nullopt;
  return lease.state == LeaseFile::State::read
             ? lease.mark
             : fmt::format("unknown: '{}' cannot be read", path_of(address.str()));
}

std::optional<IpAddress> DiskStore::first_free(const IpAddress& first, const IpAddress& last) {
  return index_->first_free(first, last);
}

/// Replaces an empty lease: under the lock nobody is about to fill it.
bool DiskStore::take_over_torn(const std::string& name, const std::string& mark) {
  const LeaseFile lease = read_lease(dir_.get(), name);
  return lease.state == LeaseFile::State::read && lease.mark.empty() &&
         base::remove_file_at(dir_.get(), name) && base::create_file_at(dir_.get(), name, mark, 0600);
}

bool DiskStore::reserve(const IpAddress& address, const std::string& mark) {
  const std::string name = address.str();
  const bool was_free = !index_->is_taken(address);
  index_->unseal();
  index_->insert(address, mark);  // first: if this process is killed now, DEL looks at this address
  const bool created = guarded(fmt::format("create lease '{}'", path_of(name)), [&] {
    return base::create_file_at(dir_.get(), name, mark, 0600) || take_over_torn(name, mark);
  });
  if (created) return true;
  index_->erase(address, mark);
  learn(address);
  if (was_free) complete_ = false;
  if (was_free && ++surprises_ == kMostSurprises) scan({});
  return false;
}

void DiskStore::release(const IpAddress& address, const std::string& mark) {
  const std::string name = address.str();
  index_->unseal();
  guarded(fmt::format("remove lease '{}'", path_of(name)), [&] { base::remove_file_at(dir_.get(), name); });
  index_->erase(address, mark);
}

std::optional<IpAddress> DiskStore::last_reserved(size_t set) {
  return IpAddress::parse(read_lease(dir_.get(), cursor_name(set)).mark);
}

void DiskStore::set_last_reserved(size_t set, const IpAddress& address) {
  const std::string name = cursor_name(set);
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
  index_->set_cursor(set, address);
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

/// Leaves the index for the next call. A complete one is sealed: the directory gets a time that no later
/// change gives it, and the index records it.
void DiskStore::seal() {
  if (!index_ || mode_ == Mode::look || index_path_.empty()) return;
  if (!complete_) {
    index_->unseal();
  } else if (index_->sealed_at() == 0) {
    const timespec past = random_past();
    const timespec times[2] = {{0, UTIME_OMIT}, past};
    const bool is_kept =
        ::futimens(dir_.get(), times) == 0 &&  // else: a file system with coarse times
        base::nanoseconds(stat_directory(dir_.get(), directory_).st_mtim) == base::nanoseconds(past);
    if (is_kept) index_->seal(base::nanoseconds(past));
  }
  index_->publish(index_path_);
}

}  // namespace ipam
