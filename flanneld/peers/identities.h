// Finds the node that already has a public address, a hardware address or a WireGuard key, so that no other
// one gets its packets. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flanneld/backend/plan.h"
#include "flanneld/lease/lease.h"

namespace flanneld {

/// True if nothing tells the publishers of two leases apart: they have an address in common, and nothing that
/// both publish is different. Such leases are one node's, and lead to the same place.
bool is_same_publisher(const LeaseAttributes& a, const LeaseAttributes& b);

/// Public addresses and hardware addresses of all planned peers, with the leases that have them. Nodes that
/// are known by WireGuard keys may share an address, behind a NAT.
class Identities {
 public:
  /// Whether a holder's lease belongs to the node that is asked about.
  using IsSameNode = std::function<bool(const LeaseKey& holder)>;

  /// Says which address or key of the lease another node's lease has; nullopt: none. Addresses of families
  /// that the plan has no route for do not count.
  [[nodiscard]] std::optional<std::string> find_conflict(const Lease& lease, const PeerPlan& plan,
                                                         const IsSameNode& is_same_node) const;

  void add(const Lease& lease, const PeerPlan& plan);
  void remove(const LeaseKey& holder);
  void clear();

 private:
  /// A device's name and a hardware address that packets through it are sent to.
  using Mac = std::pair<std::string, std::array<uint8_t, 6>>;
  using Key = std::pair<std::string, netlink::WireguardKey>;  ///< likewise
  struct Identity {
    base::IpAddress node;  ///< what people know it by
    std::vector<base::IpAddress> addresses;
    std::vector<Mac> macs;
    std::vector<Key> keys;
  };
  static Identity identity_of(const Lease& lease, const PeerPlan& plan);
  /// "that of 192.0.2.7, whose lease is 10.5.7.0/24".
  [[nodiscard]] std::string name_of(const LeaseKey& holder) const;

  std::multimap<base::IpAddress, LeaseKey> addresses_;
  std::multimap<Mac, LeaseKey> macs_;
  std::multimap<Key, LeaseKey> keys_;
  std::map<LeaseKey, Identity> holders_;
};

}  // namespace flanneld
