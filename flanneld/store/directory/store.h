// Leases in a directory, for one machine or for trying things out: no server is needed.
//   config           the network configuration
//   subnets/<key>    one lease: key and JSON as in etcd; the file's modification time is when it expires, and
//   one
//                    that lies in 1970 marks a reservation, which does not expire
//   lock             flock(2) around every change
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/lease/clock.h"
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
  [[nodiscard]] std::string describe() const override { return "lease directory " + path_; }

 private:
  void open();
  void watch();
  void unwatch();
  /// Reads everything and does what is due: told by inotify, or by the timer when something expires.
  void look();
  void look_safely();
  void read_config();
  [[nodiscard]] std::vector<Lease> read_leases();
  /// nullopt: it has gone or ended, or is no lease, which is told. Throws SystemError.
  [[nodiscard]] std::optional<Lease> read_lease(const std::string& name, const LeaseKey& key);
  /// Tells of an entry that is passed over, once for each value.
  void skip(const std::string& name, const std::string& reason, const std::string& value = {});
  /// What the listener is to be told once the lock is free; empty: nothing.
  using Tell = std::function<void()>;
  Tell hold(std::vector<Lease>& leases);
  Tell acquire(std::vector<Lease>& leases);
  void write(const Lease& lease);
  void schedule(const std::vector<Lease>& leases);

  EventLoop& loop_;
  std::string path_;
  std::chrono::minutes renew_margin_;
  WallClock now_;
  StoreListener listener_;
  Timer timer_;
  base::UniqueFd directory_, subnets_, inotify_;
  std::string config_;
  std::optional<Claim> claim_;
  bool claim_changed_ = false;
  std::optional<Lease> own_;
  std::vector<Lease> told_;  ///< what the listener was told last
  bool has_told_ = false;
  int failed_first_looks_ = 0;
  std::map<std::string, std::string> skipped_;  ///< name -> value, of entries that are passed over
  bool failed_ = false;
  bool told_full_ = false;  ///< that there is no free subnet
};

}  // namespace flanneld
