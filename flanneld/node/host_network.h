// A snapshot of the node's interfaces, addresses and default routes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/netlink/address.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "common/netlink/socket.h"

namespace flanneld {

struct HostInterface {
  int ifindex = 0;
  std::string name;
  uint32_t flags = 0;  ///< IFF_*
  uint32_t mtu = 0;    ///< bytes
  std::vector<netlink::Address> addresses;
  bool is_flannels = false;  ///< a tunnel, the pods' bridge, or a port of it

  [[nodiscard]] bool is_up() const;
  /// The addresses of a family that a node may publish as its own, the best first: global before link-local,
  /// those of a network before permanent ones without (a /32 or /128, as a floating address is), permanent
  /// before dynamic, stable before temporary, otherwise in the kernel's order. Loopback, multicast,
  /// deprecated and duplicate addresses are left out.
  [[nodiscard]] std::vector<base::IpAddress> usable_addresses(base::Family family) const;

  /// Whether the interface has `ip`. A deprecated address counts: a virtual IP that must not become a source
  /// is often made so. A loopback address never does.
  [[nodiscard]] bool holds(const base::IpAddress& ip) const;
};

struct HostNetwork {
  std::vector<HostInterface> interfaces;   ///< in the order of their indexes
  std::vector<netlink::Route> default_v4;  ///< the one in use first
  std::vector<netlink::Route> default_v6;
  /// The kernel's route to an address; nullopt if it has none.
  std::function<std::optional<netlink::Route>(const base::IpAddress&)> route_toward;
};

/// Whether a link is one that flannel has made for pods.
using IsFlannels = std::function<bool(const netlink::Link&)>;

/// Reads the snapshot from the kernel. Its route_toward asks through `socket`, which must outlive it.
/// Throws SystemError.
HostNetwork read_host_network(netlink::NetlinkSocket& socket, const IsFlannels& is_flannels);

}  // namespace flanneld
