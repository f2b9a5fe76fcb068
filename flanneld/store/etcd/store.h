// Leases in etcd v3, in the keys and values of Go flanneld. A lease's key is bound to an etcd lease of 24 h;
// a key without one is a reservation. Whatever is not certain ends in one procedure, sync(): a pass (pass.h)
// reads everything and holds the own key, and the watch (watch.h) goes on from there.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/lease/clock.h"
#include "flanneld/store/etcd/calls.h"
#include "flanneld/store/etcd/entries.h"
#include "flanneld/store/etcd/pass.h"
#include "flanneld/store/etcd/watch.h"
#include "flanneld/store/lease_store.h"

namespace flanneld {

/// How often the store is asked whether it is still the one that was listed.
inline constexpr std::chrono::seconds kEtcdProbeInterval(10);
/// Events that are under way explain another number of keys; they are here soon.
inline constexpr std::chrono::milliseconds kEtcdDoubtPause(100);

struct EtcdStoreOptions {
  std::string prefix;                     ///< slashes at its end and double ones do not count
  std::chrono::minutes renew_margin{60};  ///< how long before its end a lease is renewed
  WallClock now = system_now;
};

class EtcdStore final : public LeaseStore {
 public:
  EtcdStore(EventLoop& loop, std::unique_ptr<EtcdCalls> etcd, EtcdStoreOptions options);

  void start(StoreListener listener) override;
  void claim(const Claim& claim) override;
  [[nodiscard]] PassedOver skipped() const override { return entries_.skipped(); }
  [[nodiscard]] std::string describe() const override;

 private:
  enum class Phase {
    idle,           ///< the watch is followed
    passing,        ///< a pass is under way
    passing_stale,  ///< and something has changed since it began: another one follows
  };
  struct Problem {
    enum class Kind { no_answer, no_config };
    Kind kind = Kind::no_answer;
    std::string reason;
  };

  void sync();
  /// After a failure: a pass if one is needed, else only a probe.
  void retry();
  void sync_soon(std::chrono::milliseconds delay);
  void pass_ended(const EtcdPass::Outcome& outcome);
  void act_on(const EtcdPass::Failed& outcome);
  void act_on(const EtcdPass::NoConfig& outcome);
  void act_on(const EtcdPass::NewConfig& outcome);
  void act_on(const EtcdPass::Unclaimed& outcome);
  void act_on(const EtcdPass::OutOfSubnets& outcome);
  void act_on(const EtcdPass::RaceLost& outcome);
  void act_on(const EtcdPass::Complete& outcome);

  /// What the watch sent.
  void changed(const std::vector<EtcdEvent>& events);
  void own_key_changed(const EtcdEvent& event);
  /// Counts what the events bring and take, and sends them on; deletions of peers once they are verified.
  void hold_or_send(std::vector<LeaseEvent> events);
  void verify();
  void take_verification(const EtcdProbe& probe);
  void send_held();
  /// The store has another number of keys than the list and the events since explain. The times that it had
  /// so in a row; while the events that may explain it arrive, none is added.
  int doubt(const EtcdProbe& probe);
  [[nodiscard]] bool is_busy(const Result<EtcdProbe>& answer, int64_t seen) const;
  void probe();
  [[nodiscard]] static std::chrono::milliseconds first_probe();
  void take_probe(const EtcdProbe& probe, const std::string& key);
  /// The store answers again, and is the one that was listed.
  void recovered();
  /// The store is another one, or an earlier state of this one.
  [[nodiscard]] bool has_turned_back(const EtcdProbe& probe) const;
  [[nodiscard]] std::string probed_key() const;
  void schedule_renewal();
  void renew();
  void take_renewal(const EtcdLease& lease);

  /// Reports the problem, and tries again later: what took long, after such a time at random, or after the
  /// usual pause if that is longer.
  void fail(Problem problem, std::chrono::seconds took = {});
  /// A whole pass went through. (A cluster that is read from may still refuse every write.)
  void answered();

  WallClock now_;
  std::chrono::minutes renew_margin_;
  StoreListener listener_;
  Timer sync_timer_, probe_timer_, renew_timer_, verify_timer_, relist_timer_;
  /// Runs while a wiped store fills again: until it fires, a lease that is missing may come back.
  Timer wipe_timer_;
  Backoff sync_backoff_, race_backoff_, contest_backoff_;

  std::chrono::sys_seconds pass_began_;
  Phase phase_ = Phase::idle;
  bool must_pass_ = true;  ///< what is known may not be all
  EtcdKnowledge known_;
  std::optional<Problem> problem_;  ///< as it was reported
  int64_t count_ = 0;               ///< keys below the leases' prefix, by the list and the events since
  int64_t revision_ = 0;            ///< the latest that any answer had
  int doubts_ = 0;                  ///< times in a row that the store had another number of keys
  struct {
    int64_t store = 0, seen = 0;  ///< revisions: of the store, and of what the watch had sent
  } doubted_;                     ///< at the last of them
  std::vector<LeaseEvent> held_;  ///< until the store has been asked whether deletions among them are true
  bool is_verifying_ = false;
  LeaseEntries entries_;
  std::unique_ptr<EtcdPass> pass_;
  std::unique_ptr<EtcdCalls> etcd_;
  EtcdWatch watch_;
};

}  // namespace flanneld
