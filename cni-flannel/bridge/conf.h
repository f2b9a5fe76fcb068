// The keys of the built-in `bridge` delegate: all that the reference bridge plugin knows.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cni-flannel/filter/masquerade.h"
#include "common/base/mac.h"
#include "common/cni/request.h"
#include "common/flannel/names.h"
#include "common/netlink/bridge.h"

namespace flannel {

/// Of which families some addresses are.
struct Families {
  bool v4 = false;
  bool v6 = false;
  [[nodiscard]] bool has(base::Family family) const { return family == base::Family::v4 ? v4 : v6; }
  bool operator==(const Families&) const = default;
};
Families families_of(const std::vector<base::IpNet>& addresses);

struct BridgeConf {
  std::string bridge = kPodBridge;
  bool is_gateway = false;          ///< the bridge gets the gateway's address, the host forwards
  bool is_default_gateway = false;  ///< and the container's default route points there
  bool force_address = false;       ///< replace another address of the bridge instead of failing
  bool ip_masq = false;
  MasqueradeBackend masquerade_backend = MasqueradeBackend::automatic;
  uint32_t mtu = 0;  ///< bytes; 0: the kernel's default
  bool hairpin = false;
  bool promiscuous = false;
  uint16_t vlan = 0;  ///< 1..4094; 0: none
  std::vector<netlink::Vlan> vlan_trunk;
  bool preserve_default_vlan = false;
  bool mac_spoof_check = false;
  bool duplicate_address_detection = false;
  bool port_isolation = false;
  bool allow_nested_macs = false;                ///< the pod may use other MACs than its own
  bool allow_any_source = false;                 ///< and send from any address, as one that routes does
  std::vector<base::IpAddress> allowed_sources;  ///< or from these besides its own
  std::vector<base::IpNet> networks;             ///< ADD: the pods of all nodes are in these
  std::vector<base::IpNet> subnets;     ///< of ipam.ranges: expect the container's addresses in these
  cni::Dns dns;                         ///< replaces IPAM's when not empty
  std::optional<base::MacAddress> mac;  ///< of the container's interface

  [[nodiscard]] bool needs_vlan_filtering() const { return vlan != 0 || !vlan_trunk.empty(); }
  /// Whether the pod may send more than its own MAC and addresses.
  [[nodiscard]] bool allows_more() const {
    return allow_nested_macs || allow_any_source || !allowed_sources.empty();
  }
  /// Whether the next container with the same IPv4 address has the same MAC. Without a gateway the bridge may
  /// reach further than this host, where others use the same scheme.
  [[nodiscard]] bool mac_follows_address(Families families) const {
    return is_gateway && !mac && families.v4;
  }
  /// Name of the veth that carries the gateway's address in a VLAN.
  [[nodiscard]] std::string vlan_gateway() const { return fmt::format("{}.{}", bridge, vlan); }
};

/// Reads `request.config`, the rendered delegate, and CNI_ARGS. Throws cni::Error that names the key.
BridgeConf parse_bridge_conf(const cni::Request& request);

}  // namespace flannel
