// What a host has to choose an uplink from: its interfaces without flannel's own, and their addresses without
// those that pods may have. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/node/external_interface.h"
#include "flanneld/node/host_network.h"

namespace flanneld {

/// Why something cannot be used.
struct Reject {
  std::string reason;
};

/// An interface, and those of its addresses that a rule has settled.
struct Candidate {
  const HostInterface* interface = nullptr;
  std::optional<base::IpAddress> ipv4 = {}, ipv6 = {};

  [[nodiscard]] const std::optional<base::IpAddress>& of(base::Family family) const {
    return family == base::Family::v4 ? ipv4 : ipv6;
  }
  void set(const base::IpAddress& ip) { (ip.is_v4() ? ipv4 : ipv6) = ip; }
};

class Candidates {
 public:
  /// Both must outlive this.
  Candidates(const HostNetwork& host, const InterfaceRequest& request);

  /// Those that are up first, otherwise in the order of their indexes.
  [[nodiscard]] const std::vector<const HostInterface*>& interfaces() const { return interfaces_; }

  /// The interface with that name, index or address, and the rest of these. Each throws Reject.
  [[nodiscard]] const HostInterface& named(const std::string& name) const;
  [[nodiscard]] const HostInterface& at(int ifindex) const;
  [[nodiscard]] const HostInterface& holder_of(const base::IpAddress& ip) const;
  [[nodiscard]] base::IpAddress best(const HostInterface& interface, base::Family family) const;
  /// Throws unless the node may publish `ip`.
  void check(const base::IpAddress& ip) const;

  /// Addresses that the node may publish, the best first: one that it is known by, then as
  /// HostInterface::usable_addresses() orders them.
  [[nodiscard]] std::vector<base::IpAddress> usable(const HostInterface& interface,
                                                    base::Family family) const;
  /// Whether it has an address that the node is known by.
  [[nodiscard]] bool is_known(const HostInterface& interface) const;
  /// "eth0, eth1" or "none", for messages.
  [[nodiscard]] std::string names() const;

 private:
  /// The network whose pods may have the address; nullptr: none.
  [[nodiscard]] const FamilyConfig* network_of(const base::IpAddress& ip) const;
  [[nodiscard]] static const HostInterface& not_flannels(const HostInterface& interface);

  const HostNetwork& host_;
  const InterfaceRequest& request_;
  std::vector<const HostInterface*> interfaces_;
};

/// Which interfaces there are to choose from, and their addresses, the best first: "eth0 192.0.2.1, eth1
/// (down) 198.51.100.1". Those without a usable address are left out.
std::string describe_candidates(const HostNetwork& host, const InterfaceRequest& request);

}  // namespace flanneld
