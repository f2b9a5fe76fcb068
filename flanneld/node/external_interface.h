// The choice of the interface, and of the addresses on it, by which the other nodes reach this one. Pure: it
// looks at a snapshot of the host.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/lease/network_config.h"
#include "flanneld/node/host_network.h"

namespace flanneld {

struct ExternalInterface {
  int ifindex = 0;
  std::string name;
  uint32_t mtu = 0;                                         ///< bytes
  std::optional<base::IpAddress> ipv4, ipv6;                ///< its own, of the families in use
  std::optional<base::IpAddress> public_ipv4, public_ipv6;  ///< the addresses that peers send to
  std::string rule;                                         ///< what decided: "--iface=eth0", "default route"

  /// "'eth0' 192.0.2.1, public address 198.51.100.1, MTU 1500, by default route", for the log.
  [[nodiscard]] std::string describe() const;
};

/// What the operator and the network configuration ask for, and what the node has been known by so far.
struct InterfaceRequest {
  bool ipv4 = true, ipv6 = false;            ///< the families in use, at least one
  std::vector<std::string> iface;            ///< names or addresses, tried in order
  std::vector<std::string> iface_regex;      ///< tried after them
  std::vector<base::IpNet> iface_cidr;       ///< tried after these
  std::optional<base::IpAddress> can_reach;  ///< tried last
  std::optional<base::IpAddress> public_ip, public_ipv6;

  std::vector<base::IpAddress> node_addresses;  ///< by which the cluster knows the node, the best first
  std::vector<FamilyConfig> pod_networks;       ///< the node has no address in them
  std::optional<ExternalInterface> in_use;      ///< kept as long as it serves
  /// Addresses by which the node was known before its agent started: of several that a rule allows, one of
  /// these goes first.
  std::vector<base::IpAddress> known;
};

struct InterfaceChoice {
  std::optional<ExternalInterface> chosen;
  std::optional<std::string> lost;    ///< why the one in use cannot be kept
  std::vector<std::string> rejected;  ///< "rule: reason", in the order tried
  /// The rejections as one line, for an error message.
  [[nodiscard]] std::string reasons() const;
};

/// Keeps the interface in use while its addresses are there, it is up, and they are not deprecated. Otherwise
/// chooses the first that can be used of those that `iface`, `iface_regex`, `iface_cidr` and `can_reach`
/// name. If they name none: the interface that has the public address; without one, the interface with an
/// address by which the cluster knows the node; without that, the interface of the default route. Flannel's
/// own interfaces and addresses of pods never are.
InterfaceChoice choose_external_interface(const HostNetwork& host, const InterfaceRequest& request);

}  // namespace flanneld
