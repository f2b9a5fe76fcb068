// The host's end of a pod's link: a veth pair of its own, by which the node routes to the pod.
#pragma once

#include <string>

#include "cni-flannel/pod/conf.h"
#include "cni-flannel/pod/host_veth.h"
#include "cni-flannel/pod/plan.h"
#include "common/netlink/netns.h"

namespace flannel::ptp {

/// Makes the pair, both ends down. IPv6 is off on the host's end for a pod that is to have IPv4 addresses
/// alone.
HostVeth create_link(netlink::NetlinkSocket& host, const PodConf& conf, const netlink::Netns& netns,
                     const cni::Request& request, const base::MacAddress& container_mac);

/// For a pod that got IPv6 addresses although none were expected. Throws SystemError.
void switch_ipv6_on(const std::string& link);

/// Sets the link `name` up with the gateways' addresses, and gives the node the way to the pod and its
/// neighbour entries. Everything goes with the link.
void route_to_pod(netlink::NetlinkSocket& host, const Plan& plan, const std::string& name);

}  // namespace flannel::ptp
