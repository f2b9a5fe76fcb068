#include "flanneld/agent/saved_leases.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "flanneld/store/factory.h"

namespace flanneld {
namespace {

constexpr std::chrono::milliseconds kSaveDelay{2000}, kSaveRetry{10'000};
/// With it ten changes a second cost as little with 5,000 peers as with 1,000.
constexpr std::chrono::milliseconds kDelayOfPeer{2}, kMostDelay{10'000};
constexpr mode_t kDirectoryMode = 0755, kLockMode = 0600;

}  // namespace

SavedLeases::SavedLeases(EventLoop& loop, const Options& options, Events events,
                         std::chrono::milliseconds grace)
    : options_(options),
      events_(std::move(events)),
      grace_(grace),
      grace_timer_(loop, [this] { use(); }),
      save_timer_(loop, [this] { save(); }),
      settle_timer_(loop, [this] { events_.settled(); }),
      worker_(loop, [this] { events_.changed(); }) {}

void SavedLeases::load() {
  if (options_.state_file.empty() || !take_file()) return;
  try {
    saved_ = load_state(options_.state_file);
  } catch (const std::exception& error) {
    base::log_warning(
        fmt::format("read the saved leases in {}: {}, ignoring", options_.state_file, error.what()));
  }
  if (!saved_) return;
  if (const std::string store = store_identity(options_); saved_->store != store) {
    base::log_warning(fmt::format("the leases saved in {} are of another store ({}, not {}), ignoring",
                                  options_.state_file, saved_->store, store));
    saved_.reset();
    return;
  }
  cluster_ = saved_->cluster;
  peers_ = saved_->peers.size();
  grace_timer_.start(grace_);
}

bool SavedLeases::are_foreign_to(const std::string& cluster) const {
  return (saved_ || in_use_) && !cluster_.empty() && !cluster.empty() && cluster_ != cluster;
}

bool SavedLeases::take_file() {
  try {
    base::make_parent_directory(options_.state_file, kDirectoryMode);
    lock_ = base::FileLock::try_acquire(fmt::format("{}.lock", options_.state_file), kLockMode);
    is_taken_ = !lock_;
  } catch (const base::SystemError& error) {
    base::log_debug(error.what());  // nothing can be saved there either, which save() tells
  }
  if (!is_taken_) return true;
  problem_ = fmt::format(
      "the state file {} is in use by another agent: the leases of this one are not saved, and it cannot "
      "start "
      "without its store; give it a --state-file of its own",
      options_.state_file);
  base::log_warning(*problem_);
  return false;
}

void SavedLeases::use() {
  if (!saved_) return;
  base::log_warning(
      fmt::format("the lease store does not answer, going on with the {} peers' leases saved in {}",
                  saved_->peers.size(), options_.state_file));
  const SavedState saved = *std::exchange(saved_, std::nullopt);
  in_use_ = true;
  in_use_ = events_.use(saved);
}

void SavedLeases::drop() {
  saved_.reset();
  in_use_ = false;
  grace_timer_.cancel();
}

void SavedLeases::save_soon() {
  if (save_timer_.armed() && !can_wait_) return;
  can_wait_ = false;
  save_timer_.start(kSaveDelay);
}

void SavedLeases::save_peers_soon() {
  if (save_timer_.armed()) return;
  can_wait_ = true;
  save_timer_.start(std::clamp<std::chrono::milliseconds>(kDelayOfPeer * peers_, kSaveDelay, kMostDelay));
}

void SavedLeases::save_now() {
  can_wait_ = false;
  save_timer_.start(std::chrono::milliseconds(0));
}

void SavedLeases::save() {
  const bool saves = !options_.state_file.empty() && !is_taken_;
  auto state = saves && !in_use_ ? events_.collect() : std::nullopt;
  if (!state) {
    if (saves) problem_.reset();
    return settle_timer_.start(kSaveDelay);
  }
  if (worker_.is_busy()) return save_timer_.start(kSaveRetry);
  peers_ = state->peers.size();
  try {
    worker_.begin(
        fmt::format("write {}", options_.state_file),
        [path = options_.state_file, state = std::move(*state)] { save_state(path, state); },
        [this](const std::exception_ptr& failure) { saved(failure); });
  } catch (const base::SystemError&) {
    saved(std::current_exception());
  }
}

void SavedLeases::saved(const std::exception_ptr& failure) {
  try {
    if (failure) std::rethrow_exception(failure);
    problem_.reset();
  } catch (const base::SystemError& error) {
    if (!problem_) base::log_warning(fmt::format("save the leases: {}", error.what()));
    problem_ = fmt::format("the leases cannot be saved: {}", error.what());
    save_timer_.start(kSaveRetry);
  }
  if (!settle_timer_.armed()) settle_timer_.start(kSaveDelay);
}

}  // namespace flanneld
