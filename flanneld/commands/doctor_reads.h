// What `flanneld doctor` reads from the machine for its checks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/netlink/link.h"
#include "common/netlink/socket.h"
#include "flanneld/commands/doctor_checks.h"

namespace flanneld {

/// The name of a link's driver; empty for a link without hardware.
std::string read_driver(const std::string& link);

/// Of a bridge whose pods have addresses of `subnets`. Throws SystemError.
PodPortFacts read_pod_ports(netlink::NetlinkSocket& socket, const netlink::Link& bridge,
                            const std::vector<base::IpNet>& subnets);

/// Where IPv6 is switched off: those of "all", "default" and `links`. A link that there is not counts as on.
std::vector<std::string> read_ipv6_off(std::vector<std::string> links);

/// What receives a tunnel's packets.
struct TunnelReceiver {
  base::Family family = base::Family::v4;
  uint16_t port = 0;
  const char* kind = "VXLAN";
};
/// nullopt for a link that is none of flannel's tunnels, or cannot be asked. Throws SystemError.
std::optional<TunnelReceiver> read_tunnel(netlink::NetlinkSocket& socket, const netlink::Link& link);

}  // namespace flanneld
