// The peers' leases, and how they change: takes lists and events, answers with differences. Knows no store
// and no kernel.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "flanneld/lease/lease.h"

namespace flanneld {

using LeaseMap = std::map<LeaseKey, Lease>;

/// Every list is in the order of the keys, and no key is in both.
struct LeaseDiff {
  std::vector<Lease> upserted;  ///< new, or with other attributes than before
  std::vector<Lease> removed;   ///< with the attributes they had

  [[nodiscard]] bool empty() const { return upserted.empty() && removed.empty(); }
};

/// The changes from `held` to `now`. A lease that only expires at another time has not changed.
LeaseDiff diff(const LeaseMap& held, const LeaseMap& now);

/// One change as a store's watch reports it.
struct LeaseEvent {
  enum class Kind { put, removed };
  Kind kind = Kind::put;
  Lease lease;  ///< of a removed lease only the key counts
};

/// Holds the leases of all peers. The own lease, known by its subnet, is left out under whatever key.
/// Two keys may name one subnet while a node turns to dual stack or back: the code that programs the kernel
/// must work from all leases(), and not remove what another lease still needs.
class LeaseTable {
 public:
  /// Sets, changes or forgets the own lease; a peer that held these subnets is removed.
  LeaseDiff set_own(const std::optional<LeaseKey>& own);

  /// Replaces all leases by a complete list. Of two entries with one key the later one counts.
  LeaseDiff reset(const std::vector<Lease>& snapshot);

  /// Applies events in order and returns what they changed taken together: a lease that was removed and put
  /// back the same is not in the answer. The removal of an unknown lease changes nothing.
  LeaseDiff apply(const std::vector<LeaseEvent>& events);

  [[nodiscard]] const LeaseMap& leases() const { return leases_; }

 private:
  [[nodiscard]] bool is_own(const LeaseKey& key) const { return own_ && own_->shares_subnet(key); }

  std::optional<LeaseKey> own_;
  LeaseMap leases_;
};

}  // namespace flanneld
