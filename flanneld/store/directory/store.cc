#include "flanneld/store/directory/store.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/file_lock.h"

namespace flanneld {

using std::chrono::seconds;
using std::chrono::sys_seconds;

namespace {

constexpr seconds kScanAgain = seconds(1);
/// So often the first list waits for a lease that cannot be read: without it that peer would be cut off.
constexpr int kPatientLooks = 5;
constexpr size_t kMaxLeaseBytes = 64 << 10, kMaxConfigBytes = 1 << 20;
constexpr mode_t kEntryMode = 0644, kDirectoryMode = 0755;
constexpr seconds kLockTimeout{1};  // the loop stands still meanwhile

/// The modification time, which tells when the lease ends; nullopt when there is no such file.
std::optional<sys_seconds> expiry_of(int dir_fd, const std::string& name) {
  struct stat status {};
  if (::fstatat(dir_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
    return sys_seconds(seconds(status.st_mtim.tv_sec));
  if (errno == ENOENT) return std::nullopt;
  base::throw_errno("stat file '" + name + "'");
}

/// False when the directory that is open has been removed, or another is in its place.
bool is_in_place(int dir_fd, const std::string& path) {
  struct stat opened {
  }, there{};
  return ::fstat(dir_fd, &opened) == 0 && ::stat(path.c_str(), &there) == 0 &&
         opened.st_dev == there.st_dev && opened.st_ino == there.st_ino;
}

}  // namespace

DirectoryStore::DirectoryStore(EventLoop& loop, std::string directory, std::chrono::minutes renew_margin,
                               WallClock now)
    : loop_(loop),
      path_(std::move(directory)),
      renew_margin_(renew_margin),
      now_(std::move(now)),
      timer_(loop, [this] { look_safely(); }) {}

DirectoryStore::~DirectoryStore() { unwatch(); }

void DirectoryStore::start(StoreListener listener) {
  listener_ = std::move(listener);
  timer_.start(seconds(0));
}

void DirectoryStore::claim(const Claim& claim) {
  claim_ = claim;
  claim_changed_ = true;
  timer_.start(seconds(0));
}

void DirectoryStore::open() {
  if (inotify_.valid() && is_in_place(directory_.get(), path_) &&
      is_in_place(subnets_.get(), path_ + "/subnets"))
    return;
  unwatch();
  directory_ = base::make_directory(path_, kDirectoryMode);
  subnets_ = base::make_directory(path_ + "/subnets", kDirectoryMode);
  watch();
}

void DirectoryStore::unwatch() {
  if (!inotify_.valid()) return;
  loop_.unwatch(inotify_.get());
  inotify_.reset();
}

void DirectoryStore::watch() {
  base::UniqueFd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify.valid()) base::throw_errno("watch the lease directory " + path_);
  constexpr uint32_t kMask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE |
                             IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
  for (const std::string& path : {path_, path_ + "/subnets"})
    if (::inotify_add_watch(inotify.get(), path.c_str(), kMask) < 0) base::throw_errno("watch " + path);
  loop_.watch(inotify.get(), EPOLLIN, [this](uint32_t) {
    // What has changed is seen by looking.
    for (std::array<char, 16384> buffer; ::read(inotify_.get(), buffer.data(), buffer.size()) > 0;) continue;
    look_safely();
  });
  inotify_ = std::move(inotify);
}

void DirectoryStore::look_safely() {
  try {
    look();
    if (std::exchange(failed_, false)) listener_(StoreConnected{});
  } catch (const std::exception& error) {
    if (!std::exchange(failed_, true)) listener_(StoreUnreachable{error.what()});
    timer_.start(kScanAgain);
  }
}

void DirectoryStore::look() {
  timer_.cancel();  // what is to come is found out anew
  open();
  read_config();
  if (!claim_) return;
  std::vector<Lease> leases;
  Tell tell;
  {
    const auto lock = base::FileLock::acquire(directory_.get(), "lock", kEntryMode, kLockTimeout);
    leases = read_leases();
    tell = hold(leases);
  }
  if (!has_told_ || leases != told_) listener_(LeasesListed{leases});
  has_told_ = true;
  told_ = leases;
  if (tell) tell();
  schedule(leases);
}

void DirectoryStore::read_config() {
  const auto text = base::read_file_at(directory_.get(), "config", kMaxConfigBytes);
  if (!text && config_.empty() && !claim_)
    throw base::SystemError(ENOENT, "no network configuration in " + path_ + "/config");
  if (!text || *text == config_) return;
  config_ = *text;
  listener_(ConfigRead{config_});
}

std::vector<Lease> DirectoryStore::read_leases() {
  std::vector<std::string> names = base::list_directory(subnets_.get());
  std::sort(names.begin(), names.end());
  std::vector<Lease> leases;
  for (const std::string& name : names) {
    if (name.front() == '.') continue;  // being written
    const auto key = LeaseKey::parse(name);
    if (!key || key->format() != name) {
      skip(name, "the name is not the key of a lease");
      continue;
    }
    try {
      if (auto lease = read_lease(name, *key)) leases.push_back(std::move(*lease));
    } catch (const base::SystemError& error) {
      if (error.error_number() == EFBIG) {
        skip(name, error.what());
        continue;
      }
      if (!has_told_ && ++failed_first_looks_ < kPatientLooks) throw;
      skip(name, std::string(error.what()) + "; what was read from it last stays in force");
      const auto told =
          std::find_if(told_.begin(), told_.end(), [&](const Lease& lease) { return lease.key == *key; });
      if (told != told_.end()) leases.push_back(*told);
    }
  }
  return leases;
}

std::optional<Lease> DirectoryStore::read_lease(const std::string& name, const LeaseKey& key) {
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
    skipped_.erase(name);
    return lease;
  } catch (const base::ParseError& error) {
    skip(name, error.what(), *text);
    return std::nullopt;
  }
}

void DirectoryStore::skip(const std::string& name, const std::string& reason, const std::string& value) {
  const auto [known, is_new] = skipped_.emplace(name, value);
  if (is_new || std::exchange(known->second, value) != value)
    listener_(EntrySkipped{path_ + "/subnets/" + name, reason});
}

DirectoryStore::Tell DirectoryStore::hold(std::vector<Lease>& leases) {
  const auto found = own_ ? std::find_if(leases.begin(), leases.end(),
                                         [&](const Lease& lease) { return lease.key == own_->key; })
                          : leases.end();
  const bool is_held =
      found != leases.end() && own_ && found->attributes == own_->attributes && !claim_changed_;
  const bool is_due = is_held && found->expiry && *found->expiry - renew_margin_ <= now_();
  if (is_held && !is_due) return {};
  if (is_due) {
    found->expiry = now_() + kLeaseTime;
    write(*found);
    own_ = *found;
    return [this] { listener_(LeaseRenewed{*own_}); };
  }
  return acquire(leases);
}

DirectoryStore::Tell DirectoryStore::acquire(std::vector<Lease>& leases) {
  SubnetRequest request{claim_->attributes, claim_->previous};
  if (own_) {
    request.previous = own_->key;
    request.published = own_->attributes;
  }
  const auto plan = choose_subnets(claim_->config, leases, request);
  if (!plan) {
    timer_.start(kScanAgain);
    if (std::exchange(told_full_, true)) return {};
    return [this] {
      listener_(ClaimFailed{
          fmt::format("out of subnets: all that the network configuration has are leased in {}", path_)});
    };
  }
  for (const LeaseKey& key : plan->obsolete) {
    base::remove_file_at(subnets_.get(), key.format());
    std::erase_if(leases, [&](const Lease& lease) { return lease.key == key; });
  }
  own_ = Lease{plan->key, claim_->attributes,
               plan->reserved ? std::nullopt : std::optional(now_() + kLeaseTime)};
  write(*own_);
  std::erase_if(leases, [&](const Lease& lease) { return lease.key == own_->key; });
  leases.push_back(*own_);
  claim_changed_ = false;
  told_full_ = false;
  return [this, plan = *plan] { listener_(LeaseClaimed{*own_, plan.origin, plan.refused}); };
}

void DirectoryStore::write(const Lease& lease) {
  const std::string name = lease.key.format(), temporary = "." + name;
  const sys_seconds expiry = lease.expiry.value_or(sys_seconds{});
  base::remove_file_at(subnets_.get(), temporary);  // of an earlier run, or no regular file at all
  base::UniqueFd fd(::openat(subnets_.get(), temporary.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kEntryMode));
  if (!fd.valid()) base::throw_errno("write lease " + path_ + "/subnets/" + name);
  base::write_all(fd.get(), lease.attributes.format(), "lease " + name);
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT},
                                      timespec{expiry.time_since_epoch().count(), 0}};
  if (::futimens(fd.get(), times.data()) != 0 ||
      ::renameat(subnets_.get(), temporary.c_str(), subnets_.get(), name.c_str()) != 0)
    base::throw_errno("write lease " + path_ + "/subnets/" + name);
}

void DirectoryStore::schedule(const std::vector<Lease>& leases) {
  // The next thing to happen without a change of files: somebody's lease ends, or ours is to be renewed.
  std::optional<sys_seconds> next;
  for (const Lease& lease : leases) {
    if (!lease.expiry) continue;
    const sys_seconds due = own_ && lease.key == own_->key ? *lease.expiry - renew_margin_ : *lease.expiry;
    if (!next || due < *next) next = due;
  }
  if (next && !timer_.armed()) timer_.start(std::max(*next - now_() + seconds(1), seconds(1)));
}

}  // namespace flanneld
