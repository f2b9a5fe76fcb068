// Compares the desired state with the actual one. Pure: reads nothing and sends nothing.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "flanneld/backend/plan.h"
#include "flanneld/kernel/actual_state.h"
#include "flanneld/kernel/desired_state.h"
#include "flanneld/kernel/links.h"
#include "flanneld/kernel/tunnel_peers.h"

namespace flanneld {

/// RTPROT_* number of the routes made here: by it a later run knows them on links that are not ours.
/// Not in use by any of the daemons of iproute2's rt_protos.
constexpr uint8_t kRouteProtocol = 95;

/// Blackholes come after the bridge's own route to the same subnet, whose priority is 0.
constexpr uint32_t kBlackholePriority = 0xffff0000;

/// Requests to make. Puts come before removals, so that no peer is cut off in between.
struct KernelWrites {
  std::vector<netlink::Neighbour> put_neighbours, remove_neighbours;
  std::vector<netlink::FdbEntry> put_fdb, remove_fdb;
  std::vector<TunnelPeerWrite> put_tunnel_peers, remove_tunnel_peers;
  std::vector<netlink::Route> put_routes, remove_routes;
  std::map<std::string, size_t> missing_links;  ///< with the number of objects that wait for them

  [[nodiscard]] size_t count() const {
    return put_neighbours.size() + remove_neighbours.size() + put_fdb.size() + remove_fdb.size() +
           put_tunnel_peers.size() + remove_tunnel_peers.size() + put_routes.size() + remove_routes.size();
  }
};

/// True if one of the networks holds all of `dst`.
bool lies_within(const base::IpNet& dst, const std::vector<base::IpNet>& networks);

// As the kernel is to hold them.
netlink::Route kernel_route(const PlannedRoute& route, int ifindex);
netlink::Route kernel_blackhole(const base::IpNet& subnet);
netlink::Neighbour kernel_neighbour(const PlannedNeighbour& neighbour, int ifindex);
netlink::FdbEntry kernel_fdb_entry(const PlannedFdbEntry& entry, int ifindex);

/// Puts what is missing or different. Removes what nobody needs: on the plan's devices permanent neighbours,
/// FDB rows, routes of our protocol, and those of protocol "boot" within the plan's networks, present and
/// former; elsewhere within these networks routes and blackholes of our protocol, and upstream's plain routes
/// if the backend makes such. Of WireGuard devices every peer that nobody needs. Where a peer is now the
/// kernel knows better than its lease, if there has been a handshake: `first` says that this is the first
/// look, and that the lease may have changed since.
enum class Look : uint8_t { first, later };
KernelWrites diff_kernel(const DesiredState& desired, const NodePlan& plan, const ActualState& actual,
                         const LinkIndexes& links, Look look = Look::later);

/// What leads to the desired state from the one before it, without a look at the kernel.
KernelWrites diff_desired(const DesiredChange& change, const DesiredState& now, const NodePlan& plan,
                          const LinkIndexes& links);

}  // namespace flanneld
