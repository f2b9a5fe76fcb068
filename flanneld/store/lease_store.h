// Where the leases of all nodes are kept, and what the agent learns from it. A store drives itself on the
// event loop: it reconnects, retries, renews and claims again on its own. Knows nothing of the kernel.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "flanneld/lease/lease.h"
#include "flanneld/lease/lease_table.h"
#include "flanneld/lease/network_config.h"
#include "flanneld/lease/subnet_allocator.h"
#include "flanneld/store/skipped_entries.h"

namespace flanneld {

/// What the store knows of this node, whatever lease it has. Sent before the first ConfigRead, and when
/// something of it changes; by stores that know nodes.
struct NodeRead {
  std::vector<base::IpAddress> addresses;  ///< by which the cluster knows the node, the best first
  std::optional<base::IpAddress> public_ip, public_ipv6;  ///< to be published, whatever the flags say
  LeaseAttributes published;                              ///< its backend and the data of that; empty: none

  bool operator==(const NodeRead&) const = default;
};

/// The network configuration was read for the first time, or has changed since. A store that loses its
/// configuration sends nothing: the last one stays in force.
struct ConfigRead {
  std::string text;
};

/// The node holds `own`: claimed for the first time, or again after its loss. The key differs from the one
/// before only if another node holds that one now.
struct LeaseClaimed {
  Lease own;
  SubnetOrigin origin = SubnetOrigin::fresh;
  std::vector<std::string> refused;  ///< earlier subnets that were given up, with the reason; for the log
};

/// The own lease now expires at another time.
struct LeaseRenewed {
  Lease own;
};

/// The lease cannot be claimed now ("out of subnets: …"). The store goes on trying.
struct ClaimFailed {
  std::string reason;
};

/// Another node writes to the own lease, as one with the same public address does. The store claims it again
/// after longer and longer pauses.
struct LeaseContested {
  std::string reason;
};

/// All leases in the store, the own one included: sent at the first claim, and whenever changes may have
/// been missed.
struct LeasesListed {
  enum class Extent {
    complete,    ///< a lease that is not in the list is gone
    after_wipe,  ///< The store lost its contents and nodes are about to claim again: a missing lease may
                 ///< come back. A complete list follows a minute later.
  };
  std::vector<Lease> leases;  ///< older ones first, where the store knows their age
  Extent extent = Extent::complete;
  std::string cluster = {};  ///< the ID of the servers' cluster; empty: there is none
};

/// Leases that changed since the last list, in order; the own lease may be among them.
struct LeasesChanged {
  std::vector<LeaseEvent> events;
};

/// One entry cannot be read and is passed over. Sent once for each value of the entry, for not too many.
struct EntrySkipped {
  std::string entry;
  std::string reason;
};

/// The store answers again after an outage.
struct StoreConnected {};

/// The store does not answer; `reason` names the server and what it said. Sent again when the reason
/// changes while the outage goes on.
struct StoreUnreachable {
  enum class Outage { begins, goes_on };
  std::string reason;
  Outage outage = Outage::begins;
};

using StoreEvent = std::variant<NodeRead, ConfigRead, LeaseClaimed, LeaseRenewed, ClaimFailed, LeaseContested,
                                LeasesListed, LeasesChanged, EntrySkipped, StoreConnected, StoreUnreachable>;

/// Receives the events of a store, one at a time: from the event loop, never from within a call to the
/// store.
using StoreListener = std::function<void(const StoreEvent&)>;

/// The lease that this node asks for.
struct Claim {
  enum class Kind {
    subnet,
    none,  ///< the leases are only listed and followed
  };
  NetworkConfig config;
  LeaseAttributes attributes;           ///< to be published
  std::optional<LeaseKey> previous;     ///< the subnets that the node had last; kept if nobody else has them
  std::vector<base::IpNet> avoid = {};  ///< networks of the node's own, for a fresh subnet
  Kind kind = Kind::subnet;
};

class LeaseStore {
 public:
  virtual ~LeaseStore() = default;

  /// Begins to read the network configuration, and sends all events to `listener` from then on.
  virtual void start(StoreListener listener) = 0;

  /// Holds a lease from now on: lists the leases, claims one, renews it, watches the others, and claims
  /// it again under the same key when it is lost. A later call publishes other attributes under the key
  /// that is held. The destructor leaves the lease in the store.
  virtual void claim(const Claim& claim) = 0;

  /// The node serves pods from now on, for stores that show it.
  virtual void serve() {}

  /// The operator has changed files that it reads, such as credentials: they count from the next request on.
  virtual void reload() {}

  /// Whether it starts programs for its work, also later on.
  [[nodiscard]] virtual bool needs_programs() const { return false; }

  /// Which entries are passed over now.
  [[nodiscard]] virtual PassedOver skipped() const { return {}; }

  /// "etcd at http://…", "lease directory /…", for people.
  [[nodiscard]] virtual std::string describe() const = 0;
};

}  // namespace flanneld
