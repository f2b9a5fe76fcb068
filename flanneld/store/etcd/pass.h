// One pass over the leases in etcd: reads the configuration and all leases, and sees to it that the node
// holds its own. Its steps stand in pass.cc in the order in which they are made; each is the answer to the
// call that the one before it made.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "flanneld/lease/clock.h"
#include "flanneld/store/etcd/calls.h"
#include "flanneld/store/etcd/entries.h"
#include "flanneld/store/etcd/list.h"
#include "flanneld/store/lease_store.h"

namespace flanneld {

/// The node's own key, as this node put it into etcd.
struct HeldKey {
  enum class State {
    present,
    deleted,    ///< the watch has reported its deletion
    contested,  ///< the watch has reported that another node wrote to it
  };
  Lease lease;
  int64_t etcd_lease = 0;  ///< 0: a reservation
  int64_t revision = 0;    ///< at which this node put it
  State state = State::present;
};

/// What is known when a pass begins.
struct EtcdKnowledge {
  std::string config;  ///< the network configuration as it was read last; empty: never
  std::optional<Claim> claim;
  std::optional<HeldKey> held;
  std::string cluster;   ///< the ID of the cluster that was listed last; empty: none
  int64_t revision = 0;  ///< all changes up to it are known
  int lost_races = 0;    ///< in a row: so many times another node was faster
};

class EtcdPass {
 public:
  // How a pass ends.
  struct Failed {  ///< a call failed
    std::string reason;
  };
  struct NoConfig {};  ///< there is no network configuration, and never was one
  struct NewConfig {   ///< the configuration is not the one that was known
    std::string text;
  };
  struct Unclaimed {};   ///< the configuration is as known, and no lease is asked for
  struct OutOfSubnets {  ///< no subnet is free
    size_t leases = 0;   ///< that take all of them
  };
  struct RaceLost {};      ///< other nodes were faster, again and again
  struct Complete {        ///< the own lease is held
    int64_t revision = 0;  ///< of the list
    int64_t count = 0;     ///< of all entries below the leases' prefix
    LeasesListed list;     ///< with the own lease as it is held
    HeldKey held;
    std::optional<SubnetPlan> plan;  ///< how the lease was claimed; nullopt: it was held already
  };
  using Outcome = std::variant<Failed, NoConfig, NewConfig, Unclaimed, OutOfSubnets, RaceLost, Complete>;
  using Done = std::function<void(const Outcome&)>;

  /// `done` is called once, and may destroy the pass.
  EtcdPass(EtcdCalls& etcd, LeaseEntries& entries, WallClock now, EtcdKnowledge known, Done done);

  void begin();

 private:
  void take_config(const EtcdRange& range);
  void take_entry(const EtcdKeyValue& kv);
  void take_junk(const EtcdKeyValue& kv);
  void take_list(const EtcdListEnd& list);
  [[nodiscard]] bool looks_wiped(const EtcdListEnd& list) const;
  [[nodiscard]] bool is_held() const;
  void choose();
  void remove_obsolete();
  void prepare_etcd_lease();
  void take_keep_alive(const EtcdLease& lease);
  void grant();
  void take_grant(const EtcdLease& lease);
  void put();
  void take_put(const EtcdTxn& txn);
  void lose_race(const EtcdTxn& txn);
  void complete();
  void end(const Outcome& outcome);

  /// Makes `step` of the answer; a call that fails ends the pass.
  template <class T>
  EtcdCalls::Done<T> then(void (EtcdPass::*step)(const T&)) {
    return [this, step](const Result<T>& answer) {
      if (answer)
        (this->*step)(*answer);
      else
        end(Failed{answer.reason()});
    };
  }
  [[nodiscard]] const EtcdKeyValue* find_entry(const LeaseKey& key) const;

  EtcdCalls& etcd_;
  LeaseEntries& entries_;
  WallClock now_;
  EtcdKnowledge known_;
  Done done_;
  std::optional<EtcdList> list_;

  Complete result_;  ///< as far as it is known
  /// The entries of the leases; without value and etcd lease where what a lease's key holds is none.
  std::map<LeaseKey, EtcdKeyValue> listed_;
  std::vector<LeaseKey> junk_;        ///< the latter
  int64_t etcd_lease_ = 0, ttl_ = 0;  ///< that the own key is to be bound to; seconds
  int64_t granted_ = 0;               ///< a new etcd lease; to be revoked if it is not used
  int lost_races_ = 0;                ///< within this pass
  EtcdKeyValue own_;                  ///< what is put
  bool is_put_ = false;               ///< it is there already, and is put to let others know
};

}  // namespace flanneld
