// What an attachment needs on layer 3, as plain data: computed first, applied afterwards.
#pragma once

#include <string>
#include <vector>

#include "cni-flannel/bridge/conf.h"
#include "common/base/mac.h"
#include "common/cni/result.h"
#include "common/netlink/route.h"

namespace flannel {

struct Plan {
  std::vector<base::IpNet> pod_addresses;
  std::vector<netlink::RouteSpec> pod_routes;  ///< gateways filled in, each once
  std::vector<base::IpNet> bridge_addresses;   ///< the gateways, with the pods' prefix lengths
  std::vector<cni::IpConfig> result_ips;
  std::vector<cni::Route> result_routes;
  cni::Dns dns;
  base::MacAddress pod_mac;          ///< as asked for, else of the IPv4 address, else random
  bool mac_follows_address = false;  ///< whoever has the address next has the same MAC

  [[nodiscard]] bool has_family(base::Family family) const;
};

/// Index of the container's interface in a result: bridge, host veth, container.
inline constexpr int kContainerInterface = 2;

/// Throws cni::Error(delegate_failed) when `ipam` holds no address. Pure, but for a random MAC.
Plan make_plan(const BridgeConf& conf, const cni::Result& ipam);

/// The name of the host's end of an attachment's veth pair: "veth" and 8 hex digits that follow from
/// the attachment, so that DEL finds it without the container's namespace. `attempt` counts up from
/// 0 when another attachment has the name.
std::string host_veth_name(const cni::Attachment& attachment, unsigned attempt);
inline constexpr unsigned kMaxHostNames = 4;

/// Whose a link is, written on the host's end: "network/containerID/ifname", at most 255 bytes.
std::string link_alias(const std::string& network, const cni::Attachment& attachment);

}  // namespace flannel
