// A pod's port of the bridge: the host's end of its veth pair.
#pragma once

#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/pod/host_veth.h"
#include "common/base/mac.h"
#include "common/netlink/link.h"
#include "common/netlink/netns.h"
#include "common/netlink/socket.h"

namespace flannel {

/// Makes the veth pair, with the MTU of the bridge: the host's end as a port of it, the container's end as
/// create_host_veth() has it.
HostVeth create_port(netlink::NetlinkSocket& host, const BridgeConf& conf, const netlink::Link& bridge,
                     const netlink::Netns& netns, const cni::Request& request,
                     const base::MacAddress& container_mac);

/// Throws cni::Error(try_again_later) if the bridge has all the ports that it can have.
void check_has_room(netlink::NetlinkSocket& host, const netlink::Link& bridge);

}  // namespace flannel
