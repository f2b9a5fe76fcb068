// Reads what a backend has to know of the node.
#pragma once

#include <string>
#include <vector>

#include "common/netlink/socket.h"
#include "flanneld/backend/backend.h"
#include "flanneld/node/host_network.h"
#include "flanneld/peers/own_networks.h"

namespace flanneld {

/// Flannel's devices, by their names. Throws NetlinkError.
std::vector<Device> read_devices(netlink::NetlinkSocket& socket);

/// The node's interfaces, addresses and default routes. Flannel's own interfaces are marked: no uplink is
/// chosen from them. `socket` must outlive the answer. Throws SystemError.
HostNetwork read_node_network(netlink::NetlinkSocket& socket);

/// The addresses that flannel's devices send from: by these the peers know a node whose agent was started
/// anew.
std::vector<base::IpAddress> sent_from(const std::vector<Device>& devices);

/// The routes through a link of the main table, in order and without those that flanneld made: they tell
/// which addresses the link reaches without a gateway. Throws NetlinkError.
std::vector<HostRoute> read_host_routes(netlink::NetlinkSocket& socket, int ifindex);

/// What the node has by its own configuration that overlaps one of `networks`, in order. Leaves out flannel's
/// devices, the pods' bridge, and single pods' links. `external` is the index of the interface to the peers,
/// whatever kind of link that is. Throws NetlinkError.
std::vector<OwnNetwork> read_own_networks(netlink::NetlinkSocket& socket,
                                          const std::vector<base::IpNet>& networks, int external);

/// The bridge of the node's own pods, and the networks that it has addresses of.
struct PodBridge {
  std::string name;  ///< empty: none is known
  std::vector<base::IpNet> networks = {};
  bool operator==(const PodBridge&) const = default;
};

/// The bridge that has the gateway's address of one of the node's subnets; if there is none, `usual`. Throws
/// NetlinkError.
PodBridge read_pod_bridge(netlink::NetlinkSocket& socket, const std::vector<base::IpNet>& own_subnets,
                          const std::string& usual);

/// The links by which packets to an address of the link `external` come in: that link, the one that it is a
/// port of, and others on the same network, which may answer for it. None for a loopback link: then by any.
/// Throws NetlinkError.
std::vector<std::string> read_uplinks(netlink::NetlinkSocket& socket, int external);

}  // namespace flanneld
