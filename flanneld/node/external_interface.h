// Which interface and which addresses the node's peers reach it by. The choice is a pure function of
// a snapshot; only read_host_network() asks the kernel.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/netlink/address.h"
#include "common/netlink/route.h"
#include "common/netlink/socket.h"

namespace flanneld {

struct HostInterface {
  int ifindex = 0;
  std::string name;
  uint32_t flags = 0;  ///< IFF_*
  uint32_t mtu = 0;    ///< bytes
  std::vector<netlink::Address> addresses;

  /// The addresses of a family that can be a node's own, the best first: global before link-local,
  /// permanent before dynamic, stable before temporary, else the kernel's order. Loopback, multicast,
  /// deprecated and duplicate addresses are left out.
  [[nodiscard]] std::vector<base::IpAddress> usable_addresses(base::Family family) const;
};

/// What the choice looks at.
struct HostNetwork {
  std::vector<HostInterface> interfaces;          ///< in the order of their indexes
  std::vector<netlink::DefaultRoute> default_v4;  ///< the one in use first
  std::vector<netlink::DefaultRoute> default_v6;
  std::function<std::optional<netlink::RouteAnswer>(const base::IpAddress&)> route_toward;
};

/// Fills a snapshot. Its route_toward asks through `socket`, which must outlive it.
HostNetwork read_host_network(netlink::NetlinkSocket& socket);

/// What the operator and the network configuration want.
struct InterfaceRequest {
  bool ipv4 = true, ipv6 = false;            ///< at least one
  std::vector<std::string> iface;            ///< names or addresses, in order
  std::vector<std::string> iface_regex;      ///< tried after them
  std::optional<base::IpAddress> can_reach;  ///< tried last
  std::optional<base::IpAddress> public_ip, public_ipv6;
};

struct ExternalInterface {
  int ifindex = 0;
  std::string name;
  uint32_t mtu = 0;                           ///< bytes
  std::optional<base::IpAddress> ipv4, ipv6;  ///< the interface's own, of the families asked for
  std::optional<base::IpAddress> public_ipv4, public_ipv6;  ///< what peers send to
  std::string rule;  ///< what decided: "--iface=eth0", "default route", …
};

struct InterfaceChoice {
  std::optional<ExternalInterface> chosen;
  std::vector<std::string> rejected;  ///< "rule: reason", in the order tried
  /// The rejections as one line, for an error message.
  [[nodiscard]] std::string reasons() const;
};

/// The first that serves of `iface`, `iface_regex`, `can_reach`. Without any of these: the interface
/// that has the public address, else that of the default route.
InterfaceChoice choose_external_interface(const HostNetwork& host, const InterfaceRequest& request);

}  // namespace flanneld
