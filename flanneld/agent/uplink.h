// The node's external interface, as the agent asks for it.
#pragma once

#include "common/netlink/socket.h"
#include "flanneld/agent/node_state.h"
#include "flanneld/agent/saved_leases.h"
#include "flanneld/node/external_interface.h"
#include "flanneld/options/options.h"

namespace flanneld {

/// Chooses by the flags and the network configuration, which there must be. Keeps what the state says is in
/// use, if it serves; at a start, what the peers know from an earlier run goes first. Throws SystemError.
InterfaceChoice choose_uplink(netlink::NetlinkSocket& socket, const NodeState& state, const Options& options,
                              const SavedLeases& saved);

/// Whether peers notice no difference, and no device depends on one.
bool is_same(const ExternalInterface& a, const ExternalInterface& b);

}  // namespace flanneld
