// Leases in a directory, for one machine or for trying things out: no server is needed. lease_files.h says
// what the files are.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/lease/clock.h"
#include "flanneld/store/directory/lease_files.h"
#include "flanneld/store/lease_store.h"

namespace flanneld {

class DirectoryStore final : public LeaseStore {
 public:
  /// Makes `directory` when it starts, if absent. The lease is renewed `renew_margin` before it ends.
  DirectoryStore(EventLoop& loop, std::string directory, std::chrono::minutes renew_margin,
                 WallClock now = system_now);
  ~DirectoryStore() override;
  DirectoryStore(const DirectoryStore&) = delete;
  DirectoryStore& operator=(const DirectoryStore&) = delete;

  void start(StoreListener listener) override;
  void claim(const Claim& claim) override;
  [[nodiscard]] PassedOver skipped() const override { return files_.skipped(); }
  [[nodiscard]] std::string describe() const override;

 private:
  /// All leases once the own one is held, and what the listener is to be sent of that once the lock is free.
  struct Holding {
    std::vector<Lease> leases;
    std::optional<StoreEvent> event = {};
  };

  void open();
  void watch();
  void unwatch();
  /// Reads everything and does what is due: when inotify reports a change, or a lease ends.
  /// False: another process has the lock, and it will be tried again.
  bool look();
  void look_safely();
  void wait_for_lock();
  void read_config();
  [[nodiscard]] std::vector<Lease> read_leases();
  Holding hold(std::vector<Lease> leases);
  /// Another node has written `theirs` to the own lease.
  Holding contest(std::vector<Lease> leases, const LeaseAttributes& theirs);
  Holding acquire(std::vector<Lease> leases);
  void schedule(const std::vector<Lease>& leases);

  EventLoop& loop_;
  std::chrono::minutes renew_margin_;
  WallClock now_;
  StoreListener listener_;
  LeaseFiles files_;
  Timer timer_, contest_timer_;
  Backoff contest_backoff_;
  base::UniqueFd inotify_;
  std::string config_;
  std::optional<Claim> claim_;
  bool claim_changed_ = false;  ///< or the lease is to be claimed again
  std::optional<Lease> own_;
  std::optional<std::vector<Lease>> listed_;  ///< what the listener was sent last
  int failed_first_looks_ = 0, failed_locks_ = 0;
  bool is_unreachable_ = false;
  bool is_full_ = false;  ///< no subnet is free, and the listener knows
};

}  // namespace flanneld
