// What the kernel holds of the kinds of objects that the reconciler owns, read by a handful of dumps.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/netlink/neighbour.h"
#include "common/netlink/route.h"
#include "common/netlink/socket.h"
#include "flanneld/backend/plan.h"
#include "flanneld/kernel/links.h"
#include "flanneld/kernel/wireguard_access.h"

namespace flanneld {

struct ActualState {
  std::vector<netlink::Route> routes;  ///< through the plan's links, and blackholes
  std::vector<netlink::Neighbour> neighbours;
  std::vector<netlink::FdbEntry> fdb;
  std::map<std::string, netlink::WireguardState> wireguard = {};  ///< by the device's name
  std::set<std::string> risen = {};  ///< devices that were down, and have lost their sessions
  std::chrono::sys_seconds now{};
};

/// Throws NetlinkError, also when a link goes away meanwhile.
ActualState read_actual_state(netlink::NetlinkSocket& socket, WireguardAccess& wireguard,
                              const NodePlan& plan, const LinkIndexes& links);

/// Routes of our protocol within the plan's networks, present and former, that lead through other links than
/// the plan's: an earlier configuration made them. Throws NetlinkError.
std::vector<netlink::Route> read_stray_routes(netlink::NetlinkSocket& socket, const NodePlan& plan,
                                              const LinkIndexes& links);

}  // namespace flanneld
