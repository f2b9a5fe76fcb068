// Where the leases of all nodes are kept, and what the agent learns from it. A store drives itself on the
// event loop: it reconnects, retries, renews and claims again on its own. Knows nothing of the kernel.
#pragma once

#include <string>
#include <vector>

#include "flanneld/lease/lease.h"
#include "flanneld/lease/lease_table.h"
#include "flanneld/lease/network_config.h"
#include "flanneld/lease/subnet_allocator.h"

namespace flanneld {

/// What a store tells. Every call comes from the event loop, none from within a call to the store.
class LeaseStoreListener {
 public:
  virtual ~LeaseStoreListener() = default;

  /// The network configuration's text, read for the first time or changed since. Not told again when the
  /// store lost it: what was read last stays in force.
  virtual void store_has_config(const std::string& text) = 0;

  /// The node holds `own`: claimed for the first time, or again after its loss. The key differs from
  /// the one before only after a proven conflict, which `refused` tells of, for the log.
  virtual void store_claimed(const Lease& own, SubnetOrigin origin,
                             const std::vector<std::string>& refused) = 0;
  /// The own lease now expires at another time.
  virtual void store_renewed(const Lease& own) = 0;
  /// The claim cannot be met now ("out of subnets: …"); the store goes on trying.
  virtual void store_claim_failed(const std::string& reason) = 0;

  /// All leases that the store holds, the own one among them: at the first claim, and whenever events may
  /// have been missed. `is_wiped`: the store seems to have lost what it held, and nodes are about to claim
  /// their leases again; who is missing need not be gone. A complete list follows when they had the time.
  virtual void store_listed(const std::vector<Lease>& leases, bool is_wiped) = 0;
  /// What changed since, in order; the own lease may be among them.
  virtual void store_changed(const std::vector<LeaseEvent>& events) = 0;
  /// An entry that cannot be read; it is skipped, all others count. Told once for each value.
  virtual void store_skipped(const std::string& entry, const std::string& reason) = 0;

  /// The store answers again; told on each change only.
  virtual void store_connected() = 0;
  /// The store does not answer; `reason` names the server and what it said. Told anew, and not `is_new`, when
  /// it goes on for another reason: several servers may fail in turn, each in its way.
  virtual void store_unreachable(const std::string& reason, bool is_new) = 0;
};

/// What this node wants to hold.
struct Claim {
  NetworkConfig config;
  LeaseAttributes attributes;
  SubnetWish wish;
};

class LeaseStore {
 public:
  virtual ~LeaseStore() = default;

  /// Begins: reads the network configuration, for as long as it takes, and tells the listener, which
  /// must outlive the store.
  virtual void start(LeaseStoreListener& listener) = 0;

  /// From now on hold a lease as asked for: list the leases and tell of them, claim one, renew it, watch the
  /// others, claim it again in place when it is lost. A later call changes what is published
  /// under the key that is held. The destructor leaves the lease in the store.
  virtual void claim(const Claim& claim) = 0;

  /// "etcd at http://…", "lease directory /…", for people.
  [[nodiscard]] virtual std::string describe() const = 0;
};

}  // namespace flanneld
