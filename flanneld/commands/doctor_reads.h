// What `flanneld doctor` reads from the machine for its checks.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/netlink/link.h"
#include "common/netlink/socket.h"
#include "flanneld/commands/doctor_checks.h"
#include "flanneld/traffic/traffic_spec.h"

namespace flanneld {

/// The name of a link's driver; empty for a link without hardware.
std::string read_driver(const std::string& link);

/// Of a bridge whose pods have addresses of `subnets`. Throws SystemError.
PodPortFacts read_pod_ports(netlink::NetlinkSocket& socket, const netlink::Link& bridge,
                            const std::vector<base::IpNet>& subnets);

/// Where IPv6 is switched off: those of "all", "default" and `links`. A link that there is not counts as on.
std::vector<std::string> read_ipv6_off(std::vector<std::string> links);

/// Flannel's devices and the pods' bridge.
struct DeviceFacts {
  MtuFacts mtu = {};  ///< of these alone
  UdpPortFacts udp;
  std::map<base::Family, Tunnel> tunnels = {};
  bool has_vxlan = false;
  std::optional<std::vector<base::IpNet>> bridge_addresses = {};  ///< nullopt: there is no bridge
  size_t bridge_ports = 0;
  bool bridge_is_up = true;
};
/// `uplinks`: the links by which the tunnels' packets come in. Throws SystemError.
DeviceFacts read_devices(netlink::NetlinkSocket& socket, const std::vector<std::string>& uplinks);

}  // namespace flanneld
