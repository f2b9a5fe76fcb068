#include "flanneld/store/directory/store.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/base/error.h"
#include "flanneld/store/contest.h"

namespace flanneld {

using std::chrono::seconds;
using std::chrono::sys_seconds;

namespace {

constexpr seconds kScanAgain = seconds(1);
constexpr std::chrono::milliseconds kLockAgain{20};
constexpr int kLockTries = 50;
/// So often the first list waits for a lease that cannot be read: without it that peer would be cut off.
constexpr int kPatientLooks = 5;

}  // namespace

DirectoryStore::DirectoryStore(EventLoop& loop, std::string directory, std::chrono::minutes renew_margin,
                               WallClock now)
    : loop_(loop),
      renew_margin_(renew_margin),
      now_(std::move(now)),
      files_(std::move(directory), now_, [this](const EntrySkipped& event) { listener_(event); }),
      timer_(loop, [this] { look_safely(); }),
      contest_timer_(loop,
                     [this] {
                       claim_changed_ = true;
                       look_safely();
                     }),
      contest_backoff_(kFirstContest, kMostContest) {}

DirectoryStore::~DirectoryStore() { unwatch(); }

std::string DirectoryStore::describe() const { return fmt::format("lease directory {}", files_.path()); }

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
  if (inotify_.valid() && files_.is_open()) return;
  unwatch();
  files_.open();
  watch();
}

void DirectoryStore::unwatch() {
  if (!inotify_.valid()) return;
  loop_.unwatch(inotify_.get());
  inotify_.reset();
}

void DirectoryStore::watch() {
  base::UniqueFd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify.valid()) base::throw_errno(fmt::format("watch the {}", describe()));
  constexpr uint32_t kMask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE |
                             IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
  for (const std::string& path : {files_.path(), files_.subnets_path()})
    if (::inotify_add_watch(inotify.get(), path.c_str(), kMask) < 0)
      base::throw_errno(fmt::format("watch {}", path));
  loop_.watch(inotify.get(), EPOLLIN, [this](uint32_t) {
    // What has changed is seen by looking.
    for (std::array<char, 16384> buffer; ::read(inotify_.get(), buffer.data(), buffer.size()) > 0;) continue;
    look_safely();
  });
  inotify_ = std::move(inotify);
}

void DirectoryStore::look_safely() {
  try {
    if (!look()) return;
    if (std::exchange(is_unreachable_, false)) listener_(StoreConnected{});
  } catch (const std::exception& error) {
    if (!std::exchange(is_unreachable_, true)) listener_(StoreUnreachable{error.what()});
    timer_.start(kScanAgain);
  }
}

bool DirectoryStore::look() {
  timer_.cancel();  // schedule() finds out when to look next
  open();
  read_config();
  if (!claim_) return true;
  Holding holding;
  {
    const auto lock = files_.try_lock();
    if (!lock) {
      wait_for_lock();
      return false;
    }
    failed_locks_ = 0;
    const bool holds_one = claim_->kind == Claim::Kind::subnet;
    holding = holds_one ? hold(read_leases()) : Holding{read_leases()};
  }
  if (listed_ != holding.leases) {
    listed_ = holding.leases;
    listener_(LeasesListed{holding.leases});
  }
  if (holding.event) listener_(*holding.event);
  schedule(holding.leases);
  return true;
}

/// An agent has the lock for a moment; whoever has it for long is told of.
void DirectoryStore::wait_for_lock() {
  if (failed_locks_++ == kLockTries)
    throw base::SystemError(ETIMEDOUT,
                            fmt::format("lock file {}/lock, which another process holds", files_.path()));
  timer_.start(failed_locks_ <= kLockTries ? kLockAgain : kScanAgain);
}

void DirectoryStore::read_config() {
  const auto text = files_.read_config();
  if (!text && config_.empty() && !claim_)
    throw base::SystemError(ENOENT, fmt::format("no network configuration in {}/config", files_.path()));
  if (!text || *text == config_) return;
  config_ = *text;
  listener_(ConfigRead{config_});
}

std::vector<Lease> DirectoryStore::read_leases() {
  if (listed_) return files_.read(*listed_, LeaseFiles::Unreadable::is_known_lease);
  if (failed_first_looks_ >= kPatientLooks) return files_.read({}, LeaseFiles::Unreadable::is_known_lease);
  try {
    return files_.read({}, LeaseFiles::Unreadable::is_error);
  } catch (const base::SystemError&) {
    ++failed_first_looks_;
    throw;
  }
}

DirectoryStore::Holding DirectoryStore::hold(std::vector<Lease> leases) {
  const auto found = std::find_if(leases.begin(), leases.end(),
                                  [&](const Lease& lease) { return own_ && lease.key == own_->key; });
  if (found == leases.end() || claim_changed_) return acquire(std::move(leases));
  if (found->attributes != own_->attributes || !files_.is_as_written(own_->key)) {
    const LeaseAttributes theirs = found->attributes;
    return contest(std::move(leases), theirs);
  }
  const bool is_due = found->expiry && *found->expiry - renew_margin_ <= now_();
  if (!is_due) return {std::move(leases)};
  found->expiry = now_() + kLeaseTime;
  files_.write(*found);
  own_ = *found;
  contest_backoff_.reset();
  return {std::move(leases), LeaseRenewed{*own_}};
}

DirectoryStore::Holding DirectoryStore::contest(std::vector<Lease> leases, const LeaseAttributes& theirs) {
  if (contest_timer_.armed()) return {std::move(leases)};  // it has been told
  contest_timer_.start(contest_backoff_.next());
  return {std::move(leases), LeaseContested{describe_contest(*own_, theirs)}};
}

DirectoryStore::Holding DirectoryStore::acquire(std::vector<Lease> leases) {
  SubnetRequest request{claim_->attributes, claim_->previous};
  request.avoid = claim_->avoid;
  if (own_) {
    request.previous = own_->key;
    request.published = own_->attributes;
  }
  const auto plan = choose_subnets(claim_->config, leases, request);
  if (!plan) {
    timer_.start(kScanAgain);
    if (std::exchange(is_full_, true)) return {std::move(leases)};
    return {std::move(leases),
            ClaimFailed{fmt::format("out of subnets: all that the network configuration has are leased in {}",
                                    files_.path())}};
  }
  for (const LeaseKey& key : plan->obsolete) {
    files_.remove(key);
    std::erase_if(leases, [&](const Lease& lease) { return lease.key == key; });
  }
  own_ = Lease{plan->key, claim_->attributes,
               plan->reserved ? std::nullopt : std::optional(now_() + kLeaseTime)};
  files_.write(*own_);
  std::erase_if(leases, [&](const Lease& lease) { return lease.key == own_->key; });
  leases.push_back(*own_);
  claim_changed_ = false;
  is_full_ = false;
  return {std::move(leases), LeaseClaimed{*own_, plan->origin, plan->refused}};
}

void DirectoryStore::schedule(const std::vector<Lease>& leases) {
  // The next thing to happen without a change of files: a peer's lease ends, or the own one is to be renewed.
  std::optional<sys_seconds> next;
  for (const Lease& lease : leases) {
    if (!lease.expiry) continue;
    const sys_seconds due = own_ && lease.key == own_->key ? *lease.expiry - renew_margin_ : *lease.expiry;
    if (!next || due < *next) next = due;
  }
  if (next && !timer_.armed()) timer_.start(std::max(*next - now_() + seconds(1), seconds(1)));
}

}  // namespace flanneld
