// The gateway of the containers on the host: the link that carries its addresses, and forwarding.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/pod/plan.h"
#include "common/netlink/address.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace flannel {

/// Whether the bridge's port is the other end of the link that carries the gateway's address in a VLAN.
bool is_gateway_port(const netlink::Link& port);

/// Whether the address was made for pods: an ADD gave it (kernels before 5.18 do not tell), or it is in their
/// networks. Another one is an administrator's, or of another program.
bool is_gateway_of_pods(const BridgeConf& conf, const netlink::Address& address);

/// A bridge in other use is left as it is: throws cni::Error(conflict) if the node learned a route over it
/// from a router, or if it has an address that none of `addresses` can stand beside and that is somebody
/// else's, unless `force_address` allows that.
void check_other_use(netlink::NetlinkSocket& host, const BridgeConf& conf,
                     const std::vector<base::IpNet>& addresses);

/// The link that carries the gateway's address: the bridge, or with `vlan` a veth into that VLAN.
netlink::Link ensure_gateway_link(netlink::NetlinkSocket& host, const BridgeConf& conf,
                                  const netlink::Link& bridge);

/// The IDs of the containers that have leased an address in a network.
using ContainersWithin = std::function<std::vector<std::string>(const base::IpNet&)>;

/// Gives `gateway_link` those of the gateways' addresses that are not `present`, and switches forwarding on
/// for families of which `conf` has no subnet. Another address of the bridge goes if `force_address` is set
/// or the bridge has no container's port; otherwise throws cni::Error(conflict) that names the containers of
/// those ports, and of `containers_within`.
void ensure_gateway(netlink::NetlinkSocket& host, const BridgeConf& conf, const netlink::Link& bridge,
                    const netlink::Link& gateway_link, const std::vector<base::IpNet>& addresses,
                    const std::vector<netlink::Address>& present, const ContainersWithin& containers_within);

}  // namespace flannel
