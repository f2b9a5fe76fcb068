// The node's end of an attachment: the bridge with its addresses, forwarding, and the veth port.
#pragma once

#include <string>
#include <vector>

#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/bridge/plan.h"
#include "common/netlink/address.h"
#include "common/netlink/link.h"
#include "common/netlink/netns.h"

namespace flannel {

/// The bridge, up and set as `conf` says. Throws cni::Error(unsupported_field), before anything is
/// made, when the kernel cannot filter VLANs and `conf` needs it.
netlink::Link ensure_node_bridge(netlink::NetlinkSocket& node, const BridgeConf& conf);

/// A bridge to which a port can be added before the container's address is known.
struct ReadyBridge {
  netlink::Link link;
  std::vector<netlink::Address> addresses;
};
/// The bridge if it is as `conf` wants it, with an address in each subnet if it is to be their gateway.
/// nullopt if anything had to be changed: a bridge of another subnet gets its new address while no port is
/// on it, and one that is not there must not be left behind when there is no address to be had.
std::optional<ReadyBridge> find_ready_bridge(netlink::NetlinkSocket& host, const BridgeConf& conf);

/// Gives `gateway_link` those of the gateways' addresses that are not `present`, and switches forwarding on.
/// Another address of the bridge goes if `force_address` is set or no port hangs on the bridge;
/// otherwise throws cni::Error(conflict) that names the containers behind those ports.
void ensure_gateway(netlink::NetlinkSocket& node, const BridgeConf& conf, const cni::Request& request,
                    const netlink::Link& bridge, const netlink::Link& gateway_link,
                    const std::vector<base::IpNet>& addresses, const std::vector<netlink::Address>& present);

/// The link that carries the gateway's address: the bridge, or with `vlan` a veth into that VLAN.
netlink::Link ensure_gateway_link(netlink::NetlinkSocket& node, const BridgeConf& conf,
                                  const netlink::Link& bridge);

/// The host's end of an attachment.
struct HostVeth {
  std::string name;
  base::MacAddress mac;
};

/// Makes the veth pair: the host's end as a port of the bridge, the container's end, still down and with
/// `container_mac`, in `netns`. Leaves none behind when it throws: cni::Error(conflict) when the container
/// has an interface of that name.
HostVeth create_host_veth(netlink::NetlinkSocket& host, const BridgeConf& conf, const netlink::Link& bridge,
                          const netlink::Netns& netns, const cni::Request& request,
                          const base::MacAddress& container_mac);

/// Removes the pair that create_host_veth() made, and no other of that name.
void remove_host_veth(netlink::NetlinkSocket& host, const HostVeth& veth);

/// Gives the node's own entries for the pod's addresses, if it has any, the pod's MAC: they may be of an
/// earlier pod that had another, and a frame to that is lost until the kernel gives up on it, after 8 s.
void correct_neighbours(netlink::NetlinkSocket& node, const netlink::Link& gateway_link, const Plan& plan);

/// The host's end of an attachment's veth pair, wherever the container's end is; nullopt if none.
std::optional<netlink::Link> find_host_veth(netlink::NetlinkSocket& node, const std::string& network,
                                            const cni::Attachment& attachment);

}  // namespace flannel
