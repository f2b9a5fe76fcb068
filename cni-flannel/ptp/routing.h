// How the packets of a pod without a bridge find their way: all go by its gateway, the node itself, which has
// a route to each of the pod's addresses. Pure.
#pragma once

#include <vector>

#include "cni-flannel/pod/plan.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/route.h"

namespace flannel::ptp {

/// Takes the routes of `plan` that lead to the pod's neighbours directly, and leads them by the gateways.
void route_by_gateways(Plan& plan);

/// What the host's end of the pod's link gets.
struct HostSide {
  std::vector<base::IpNet> gateways;
  std::vector<netlink::Route> routes;
  std::vector<netlink::Neighbour> neighbours;  ///< the pod's addresses, which nobody asks for then
};

HostSide host_side(const Plan& plan, int ifindex);

}  // namespace flannel::ptp
