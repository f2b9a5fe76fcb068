// Pods whose ports were there before the guard was: of an earlier version or another program, or of ours
// after somebody removed the rules or the bridge. None of them is to be cut off.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/guard/frame.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace guard {

/// The place where pods are: a bridge, the link with the gateways' addresses (the bridge itself, or a veth
/// into one of its VLANs), and the subnets that pods have addresses of.
struct Node {
  netlink::Link bridge;
  netlink::Link gateway;
  std::vector<base::IpNet> subnets;
};

/// Why a port was left open.
struct LeftOpen {
  std::string port;
  std::string reason;  ///< "its pod uses 3 hardware addresses"
};

/// Guards the ports of the node's bridge that are not. What a port that ADD made may send is on record in the
/// kernel: its fixed entry in the bridge's table, and the node's permanent neighbour entries of that MAC. For
/// another one the pod's own interface tells. Such a port is left open when its pod forwards packets or
/// uses several MACs; an address that is no pod's, or that two pods have, is not given to either. Also locks
/// the port to its MAC and makes the permanent neighbour entries.
///
/// `nft` is nullptr on a kernel without nf_tables: then all but the rules is done. Makes the frame where it
/// is missing. Does nothing to a port that is guarded and has all its addresses, to one without a pod behind
/// it, and to one that is not up yet. Two processes may do this at once. Throws NetlinkError.
std::vector<LeftOpen> guard_existing(netlink::NetlinkSocket& host, netlink::NetlinkSocket* nft,
                                     const Node& node);

/// The same for one port.
std::vector<LeftOpen> guard_existing_port(netlink::NetlinkSocket& host, netlink::NetlinkSocket* nft,
                                          const Node& node, const std::string& port);

/// The ports of pods whose sources are not checked. Changes nothing. Throws NetlinkError.
std::vector<LeftOpen> find_open(netlink::NetlinkSocket& host, netlink::NetlinkSocket& nft, const Node& node);

/// What of the protection this kernel cannot give, in words for an operator; empty: nothing. `ports` are
/// those of a bridge, `has_rules` whether nf_tables has a family for bridges.
std::vector<std::string> missing(const std::vector<netlink::Link>& ports, bool has_rules);

}  // namespace guard
