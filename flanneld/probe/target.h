// Where a peer is asked for an answer, so that the packets take the way that pods' packets take. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/backend/plan.h"
#include "flanneld/lease/lease.h"

namespace flanneld {

struct ProbeTarget {
  base::IpAddress address;  ///< of the peer, within its subnet
  base::IpAddress source;   ///< of this node; if it does not have it, the kernel chooses
  int hop_limit = 0;        ///< 0: the kernel's
  /// Of the node itself, for when the first address need not be there; nullopt: it must.
  std::optional<base::IpAddress> fallback;
  base::IpNet subnet;                 ///< the peer's
  std::vector<base::IpAddress> node;  ///< the peer's other addresses; the first is what it is known by
  std::string link;                   ///< that the route leads through
  bool operator==(const ProbeTarget&) const = default;

  /// True if the packet reached the peer, whatever its kernel thought of it.
  [[nodiscard]] bool is_peer(const base::IpAddress& from) const;
};

/// One per family that the plan has a route for. `has_devices`: the backend gives every node an address on a
/// device, which is the subnet's first one. Without, the pods' bridge has the second one, which is there once
/// the node had a pod; a packet with one hop left draws an answer from the node even before, if it forwards
/// packets.
std::map<base::Family, ProbeTarget> make_probe_targets(const Lease& own, const Lease& peer,
                                                       const PeerPlan& plan, bool has_devices);

}  // namespace flanneld
