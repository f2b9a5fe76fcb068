// The host's bridge, and the VLANs of its ports.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cni-flannel/bridge/conf.h"
#include "common/netlink/address.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace flannel {

/// Throws cni::Error(conflict) if the link is of another kind.
void check_is_bridge(const netlink::Link& link);

struct EnsuredPodBridge {
  netlink::Link link;
  bool taken_over = false;  ///< by this call: it may have ports of before
};

/// The bridge, up, taken over (take_over.h) and set as `conf` says, with forwarding on. Its MTU is that of
/// `conf` only if there are no containers whose MTU it has to keep. Throws cni::Error: before anything is
/// made unsupported_field when the kernel cannot filter VLANs and `conf` needs it, and kernel_refused when a
/// setting of the node cannot be made right; conflict when another kind of link has the name.
EnsuredPodBridge ensure_bridge(netlink::NetlinkSocket& host, const BridgeConf& conf,
                               const std::string& network);

/// A bridge to which a port can be added before the container's address is known.
struct ReadyBridge {
  netlink::Link link;
  std::vector<netlink::Address> addresses;  ///< empty unless the bridge is a gateway
};

/// The bridge if it is as `conf` wants it, with an address in each subnet if it is to be their gateway.
/// nullopt if anything has to be changed first: a bridge of another subnet gets its new address while no port
/// is on it, and a new bridge must not be left behind when there is no address to be had.
std::optional<ReadyBridge> find_ready_bridge(netlink::NetlinkSocket& host, const BridgeConf& conf);

/// Gives a port of the bridge the VLANs of `conf`; does nothing when it has none.
void configure_port_vlans(netlink::NetlinkSocket& host, const BridgeConf& conf, const std::string& port_name);

}  // namespace flannel
