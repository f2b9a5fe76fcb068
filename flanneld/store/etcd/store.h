// Leases in etcd v3, in the keys and values of Go flanneld:
//   <prefix>/config           the network configuration
//   <prefix>/subnets/<key>    one lease each, bound to an etcd lease of 24 h; without one it is a reservation
// All that is not certain ends in one procedure, sync(): read everything, hold the own key, tell, watch from
// there.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/lease/clock.h"
#include "flanneld/store/etcd/client.h"
#include "flanneld/store/lease_store.h"

namespace flanneld {

struct EtcdStoreOptions {
  EtcdAccess access;
  std::string prefix;
  std::chrono::minutes renew_margin{60};  ///< how long before its end a lease is renewed
  WallClock now = system_now;
};

class EtcdStore final : public LeaseStore {
 public:
  EtcdStore(EventLoop& loop, EtcdStoreOptions options);

  void start(StoreListener listener) override;
  void claim(const Claim& claim) override;
  [[nodiscard]] std::string describe() const override;

 private:
  /// The own key as the store has it, or should.
  struct Held {
    Lease lease;
    int64_t etcd_lease = 0;  ///< 0: a reservation
  };
  /// One pass of sync(): what was read, and what is being done about it.
  struct Pass {
    bool is_wiped = false;  ///< the store has lost what it held; see looks_wiped()
    int64_t revision = 0;
    std::vector<Lease> leases;
    std::map<LeaseKey, EtcdKeyValue> entries;
    SubnetPlan plan;
    int64_t granted = 0;  ///< a new etcd lease; to be revoked if it is not used
    int64_t ttl = 0;      ///< seconds
  };

  void sync();
  void sync_soon(std::chrono::milliseconds delay);
  void read_config();
  void list();
  void take_list(const EtcdRange& range);
  [[nodiscard]] bool looks_wiped(const EtcdRange& range) const;
  [[nodiscard]] bool is_held() const;
  void acquire();
  void remove_obsolete(size_t index);
  void prepare_etcd_lease();
  void grant();
  void put();
  void lost_race();
  void claimed();
  void finish();

  void watch(int64_t from_revision);
  void take_watch(const EtcdWatchResponse& response);
  /// The lease that a key of etcd names; nullopt for every other key.
  [[nodiscard]] std::optional<LeaseKey> to_key(const std::string& path) const;
  [[nodiscard]] std::optional<LeaseEvent> to_event(const EtcdEvent& event);
  [[nodiscard]] std::optional<Lease> to_lease(const EtcdKeyValue& kv);
  void skip(const EtcdKeyValue& kv, const std::string& reason);
  void probe();
  void take_probe(const EtcdRange& range, const std::string& key);
  void schedule_renewal();
  void renew();

  /// A call whose failure ends the pass; it is begun anew after a delay.
  void call(EtcdCall call, std::function<void(const json::Value&)> done);
  void failed(const std::string& reason);
  /// The cluster does not answer; pending things are tried again.
  void unreachable(const std::string& reason, bool lacks_config = false);
  /// The pass is over; what the watch brought during it is asked for again.
  void end_pass();
  /// A whole pass went through. A cluster that is read from may still refuse every write.
  void answered();
  void revoke_granted();

  [[nodiscard]] std::string subnets() const { return prefix_ + "/subnets/"; }

  std::string prefix_;  ///< without a slash at the end
  std::chrono::minutes renew_margin_;
  WallClock now_;
  std::string endpoints_;  ///< for people
  StoreListener listener_;
  Timer sync_timer_, watch_timer_, probe_timer_, renew_timer_;
  Backoff sync_backoff_, watch_backoff_, race_backoff_, contest_backoff_;

  std::optional<std::string> problem_;  ///< told as unreachable
  bool lacks_config_ = false;           ///< what problem_ is: no network configuration, not no answer
  std::string config_;
  std::optional<Claim> claim_;
  std::optional<Held> held_;
  bool is_told_ = false;    ///< the listener knows of held_ as it is
  bool is_busy_ = false;    ///< a pass is under way
  bool is_stale_ = false;   ///< and another is due after it
  bool is_behind_ = false;  ///< a message of the watch was passed over during the pass
  bool is_probing_ = false;
  int lost_races_ = 0;
  Pass pass_;
  bool is_loss_told_ = false;                   ///< the watch has told that the own key went
  std::string cluster_;                         ///< whose list was taken last
  int64_t watched_to_ = 0;                      ///< all events up to this revision have been told
  std::map<std::string, std::string> skipped_;  ///< key -> value that could not be read
  EtcdClient client_;                           ///< last: its calls refer to the rest
};

}  // namespace flanneld
