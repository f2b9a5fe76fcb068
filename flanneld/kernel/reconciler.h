// Makes the kernel hold what the backend wants: at start, on each change of a lease, and whenever somebody
// else changed it. It owns what is on the backend's devices, and routes within the cluster's networks that
// carry its mark; all else is left alone. Knows no store and no JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "flanneld/backend/plan.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/kernel/failures.h"
#include "flanneld/lease/lease.h"

namespace flanneld {

/// Counters since the start, and how it stands.
struct ReconcilerStatus {
  uint64_t writes = 0;                                 ///< netlink requests that change something
  uint64_t repairs = 0;                                ///< times that somebody else's change was undone
  uint64_t passes = 0;                                 ///< full comparisons with the kernel
  size_t routes = 0, neighbours = 0, fdb_entries = 0;  ///< wanted
  Failures failures;                                   ///< of the last pass; empty: the kernel is as wanted
  Failures drift;                                      ///< what others changed and nothing is done about
};

class Reconciler {
 public:
  /// `changed` is called after something was done or failed beyond a call to this class (a repair), and
  /// `host_changed` when an address, a link or a default route that is not ours has changed.
  struct Events {
    std::function<void()> changed;
    std::function<void()> host_changed;
  };
  /// `heals` false: what others change is reported and left; what leases change is done all the same.
  Reconciler(EventLoop& loop, bool heals, Events events);
  ~Reconciler();

  /// Sets what the node itself needs; takes effect with the next apply() or reconcile().
  void set_node(const NodePlan& plan);

  /// Adds, replaces and removes what peers need, and sends just that to the kernel, in batches.
  void apply(const PeerPlans& upserted, const std::vector<LeaseKey>& removed);

  /// Replaces all peers and compares with the kernel; without a difference nothing is written. Before the
  /// first call only the devices are made: what an earlier run made for its peers stays.
  void reset(PeerPlans peers);

  /// Reads the kernel and applies the difference. Failures are kept in status() and tried again with
  /// back-off; they don't keep the other objects from being made.
  void reconcile();

  [[nodiscard]] const ReconcilerStatus& status() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace flanneld
