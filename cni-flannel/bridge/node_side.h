// The node's end of an attachment: the bridge with its addresses, forwarding, and the veth port.
#pragma once

#include <string>
#include <vector>

#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/bridge/plan.h"
#include "common/base/rollback.h"
#include "common/netlink/link.h"
#include "common/netlink/netns.h"

namespace flannel {

/// The bridge, up and set as `conf` says. Throws cni::Error(unsupported_field), before anything is
/// made, when the kernel cannot filter VLANs and `conf` needs it.
netlink::Link ensure_node_bridge(netlink::NetlinkSocket& node, const BridgeConf& conf);

/// Gives `gateway_link` the gateways' addresses and switches forwarding on.
/// Another address of the bridge goes if `force_address` is set or no port hangs on the bridge;
/// otherwise throws cni::Error(conflict) that names the pods behind those ports.
void ensure_gateway(netlink::NetlinkSocket& node, const BridgeConf& conf, const cni::Request& request,
                    const netlink::Link& bridge, const netlink::Link& gateway_link,
                    const std::vector<base::IpNet>& addresses);

/// The link that carries the gateway's address: the bridge, or with `vlan` a veth into that VLAN.
netlink::Link ensure_gateway_link(netlink::NetlinkSocket& node, const BridgeConf& conf,
                                  const netlink::Link& bridge);

struct VethPorts {
  std::string host_name;
  base::MacAddress host_mac, container_mac;
};

/// Makes the veth pair: the host's end as a port of the bridge, the container's end, still down,
/// in `netns`. Throws cni::Error(conflict) when the container has an interface of that name.
VethPorts create_attachment_veth(netlink::NetlinkSocket& node, const BridgeConf& conf,
                                 const netlink::Link& bridge, const netlink::Netns& netns,
                                 const cni::Request& request, const base::MacAddress& container_mac,
                                 base::Rollback& undo);

/// Gives the node's own entries for the pod's addresses, if it has any, the pod's MAC: they may be of an
/// earlier pod that had another, and a frame to that is lost until the kernel gives up on it, after 8 s.
void correct_neighbours(netlink::NetlinkSocket& node, const netlink::Link& gateway_link, const Plan& plan);

/// The host's end of an attachment's veth pair, wherever the container's end is; nullopt if none.
std::optional<netlink::Link> find_host_veth(netlink::NetlinkSocket& node, const std::string& network,
                                            const cni::Attachment& attachment);

}  // namespace flannel
