// What an attachment needs on layer 3, as plain data: computed first, applied afterwards.
#pragma once

#include <string>
#include <vector>

#include "cni-flannel/pod/conf.h"
#include "common/base/mac.h"
#include "common/cni/result.h"
#include "common/netlink/address.h"
#include "common/netlink/route.h"

namespace flannel {

struct Plan {
  std::vector<base::IpNet> container_addresses;
  std::vector<netlink::Route> container_routes;  ///< gateways filled in, each once
  std::vector<base::IpNet> gateway_addresses;    ///< the gateways, with the containers' prefix lengths
  std::vector<cni::IpConfig> result_ips;
  std::vector<cni::Route> result_routes;
  cni::Dns dns;
  netlink::PrefixRoute prefix_routes = netlink::PrefixRoute::yes;  ///< of the container's addresses
  Families families;                                               ///< of the container's addresses
  base::MacAddress container_mac;
};

/// 0a:58 and the four bytes of an IPv4 address, or a hash of an IPv6 one: a neighbour that remembers the
/// address of an earlier container, or of a bridge that was removed, remembers the right MAC.
base::MacAddress mac_of_address(const base::IpAddress& address);

/// What to do with the addresses of `ipam`. The container's MAC follows from its IPv4 address where nobody
/// asked for another; else it is `mac`. `container_interface` is the index of its interface in the result.
/// Throws cni::Error(delegate_failed) when there is no address.
Plan make_plan(const PodConf& conf, const cni::Result& ipam, const base::MacAddress& mac,
               int container_interface);

}  // namespace flannel
