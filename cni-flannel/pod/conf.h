// The keys that the built-in delegates share.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cni-flannel/filter/masquerade.h"
#include "common/base/ip.h"
#include "common/base/mac.h"
#include "common/cni/request.h"

namespace flannel {

/// Of which families some addresses are.
struct Families {
  bool v4 = false;
  bool v6 = false;
  [[nodiscard]] bool has(base::Family family) const { return family == base::Family::v4 ? v4 : v6; }
  bool operator==(const Families&) const = default;
};
Families families_of(const std::vector<base::IpNet>& addresses);

struct PodConf {
  bool is_gateway = false;          ///< the host has the gateway's address and forwards
  bool is_default_gateway = false;  ///< and the container's default route points there
  bool ip_masq = false;
  MasqueradeBackend masquerade_backend = MasqueradeBackend::automatic;
  uint32_t mtu = 0;  ///< bytes; 0: the kernel's default
  bool duplicate_address_detection = false;
  bool allows_other_sources = false;    ///< the pod may send from other addresses than its own
  std::vector<base::IpNet> networks;    ///< ADD: the pods of all nodes are in these
  std::vector<base::IpNet> subnets;     ///< of ipam.ranges: expect the container's addresses in these
  cni::Dns dns;                         ///< replaces IPAM's when not empty
  std::optional<base::MacAddress> mac;  ///< of the container's interface

  /// Whether the next container with the same IPv4 address has the same MAC. Without a gateway the link may
  /// reach further than this host, where others use the same scheme.
  [[nodiscard]] bool mac_follows_address(Families families) const {
    return is_gateway && !mac && families.v4;
  }
};

/// Reads them from `request.config`, the rendered delegate, and CNI_ARGS. Throws cni::Error that names the
/// key.
PodConf parse_pod_conf(const cni::Request& request);

}  // namespace flannel
