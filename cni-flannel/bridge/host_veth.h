// The veth pair of an attachment, by its host's end, a port of the bridge.
#pragma once

#include <optional>
#include <string>

#include "cni-flannel/bridge/conf.h"
#include "common/base/mac.h"
#include "common/netlink/link.h"
#include "common/netlink/netns.h"
#include "common/netlink/socket.h"

namespace flannel {

/// The host's end of an attachment.
struct HostVeth {
  std::string name;
  base::MacAddress mac;
};

/// Makes the veth pair, with the MTU of the bridge: the host's end as a port of it, the container's end,
/// still down and with `container_mac`, in `netns`. Leaves none behind when it throws: cni::Error(conflict)
/// when the container has an interface of that name.
HostVeth create_host_veth(netlink::NetlinkSocket& host, const BridgeConf& conf, const netlink::Link& bridge,
                          const netlink::Netns& netns, const cni::Request& request,
                          const base::MacAddress& container_mac);

/// Throws cni::Error(try_again_later) if the bridge has all the ports that it can have.
void check_has_room(netlink::NetlinkSocket& host, const netlink::Link& bridge);

/// Removes the pair that create_host_veth() made, and no other of that name.
void remove_host_veth(netlink::NetlinkSocket& host, const HostVeth& veth);

/// The host's end of an attachment's veth pair, wherever the container's end is; nullopt if none.
std::optional<netlink::Link> find_host_veth(netlink::NetlinkSocket& host, const std::string& network,
                                            const cni::Attachment& attachment);

}  // namespace flannel
