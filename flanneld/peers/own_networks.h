// The networks that the node has by its own configuration, and what of the pod network collides with them: a
// route to such a subnet would take the place of the node's own. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"

namespace flanneld {

/// A route or an address of the node that neither flanneld nor a pod's plugin made.
struct OwnNetwork {
  enum class Kind : uint8_t {
    connected,  ///< a route without a gateway
    address,    ///< of a link; `net` has all bits
    routed      ///< a route by a gateway, from the node's network configuration or a routing daemon
  };
  Kind kind = Kind::connected;
  base::IpNet net;
  std::string link;
  /// A bridge, or one pod's link: within the node's own subnet it serves pods.
  bool may_serve_pods = false;
  auto operator<=>(const OwnNetwork&) const = default;
};

/// Which of the node's networks a route to a peer's `subnet` would take away; nullopt: none. A pod network
/// that lies within a larger network of the node and holds no address of it collides with nothing.
std::optional<std::string> find_collision(const std::vector<OwnNetwork>& own, const base::IpNet& subnet,
                                          const base::IpNet& pod_network);
/// Likewise for the subnet of the node's own pods, whose bridge has routes and addresses within it.
std::optional<std::string> find_own_collision(const std::vector<OwnNetwork>& own, const base::IpNet& subnet,
                                              const base::IpNet& pod_network);

/// Those that overlap the pod network, but for bridges that may be the pods', and for what lies in another of
/// them.
std::vector<OwnNetwork> colliding_networks(const std::vector<OwnNetwork>& own,
                                           const base::IpNet& pod_network);

}  // namespace flanneld
