// The leases that the agent saves for its next start, and those of its last run: with these the node comes up
// when the store does not answer.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "common/base/file_lock.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/io/file_worker.h"
#include "flanneld/options/options.h"
#include "flanneld/store/saved_leases.h"

namespace flanneld {

class SavedLeases {
 public:
  struct Events {
    /// The store has been silent for the grace time: the agent goes on with these leases, or returns false.
    std::function<bool(const SavedState&)> use;
    /// What is to be saved; nullopt: nothing yet.
    std::function<std::optional<SavedState>()> collect;
    /// Two seconds have passed since the leases were saved, or there was nothing to save.
    std::function<void()> settled;
    /// problem() says something else, though nothing was asked of this.
    std::function<void()> changed;
  };
  static constexpr std::chrono::milliseconds kStoreGrace{3000};

  SavedLeases(EventLoop& loop, const Options& options, Events events,
              std::chrono::milliseconds grace = kStoreGrace);

  /// Reads the leases of the last run, and lets the grace time begin. A file that cannot be used is logged,
  /// and so is one that another agent of this machine uses: then no leases are saved.
  void load();
  /// True if those of the last run, used or not, are another cluster's than `cluster`, whose store answers.
  [[nodiscard]] bool are_foreign_to(const std::string& cluster) const;
  /// The store has answered: what it said counts from now on.
  void drop();
  /// The store has answered, though with a configuration that cannot be used: the agent waits for a better
  /// one rather than to hide that with the leases of its last run.
  void hold() { grace_timer_.cancel(); }
  /// Those of the last run, unless they have been used or dropped.
  [[nodiscard]] const std::optional<SavedState>& waiting() const { return saved_; }
  /// The agent works with saved leases.
  [[nodiscard]] bool are_in_use() const { return in_use_; }

  /// Saves within two seconds, together with further changes until then.
  void save_soon();
  /// The same for changes of peers alone: within ten seconds where they are many, as the file is written
  /// whole.
  void save_peers_soon();
  /// Saves what the next start cannot do without, as soon as the loop comes to it.
  void save_now();
  /// Saves what waits for its time; the destructor gives that a second to end.
  void save_waiting() {
    if (save_timer_.armed()) save();
  }
  /// Why the leases cannot be saved; nullopt: they can.
  [[nodiscard]] std::optional<std::string> problem() const {
    const auto hangs = worker_.problem();
    return hangs ? hangs : problem_;
  }

 private:
  void use();
  void save();
  void saved(const std::exception_ptr& failure);
  /// Makes the file this agent's for its life; false if it is another's.
  bool take_file();

  const Options& options_;
  Events events_;
  std::chrono::milliseconds grace_;
  std::optional<SavedState> saved_;
  std::string cluster_;  ///< that they are of
  bool in_use_ = false;
  std::optional<base::FileLock> lock_;
  bool is_taken_ = false;  ///< the file is another agent's
  std::optional<std::string> problem_;
  size_t peers_ = 0;       ///< that the file has
  bool can_wait_ = false;  ///< what save_timer_ is armed for are peers alone
  Timer grace_timer_, save_timer_, settle_timer_;
  FileWorker worker_;
};

}  // namespace flanneld
