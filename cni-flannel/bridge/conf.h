// The keys of the built-in `bridge` delegate: all that the reference bridge plugin knows.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cni-flannel/pod/conf.h"
#include "common/flannel/names.h"
#include "common/netlink/bridge.h"

namespace flannel {

struct BridgeConf : PodConf {
  std::string bridge = kPodBridge;
  bool force_address = false;  ///< replace another address of the bridge instead of failing
  bool hairpin = false;
  bool promiscuous = false;
  uint16_t vlan = 0;  ///< 1..4094; 0: none
  std::vector<netlink::Vlan> vlan_trunk;
  bool preserve_default_vlan = false;
  bool mac_spoof_check = false;
  bool port_isolation = false;
  bool allow_nested_macs = false;                ///< the pod may use other MACs than its own
  bool allow_any_source = false;                 ///< and send from any address, as one that routes does
  std::vector<base::IpAddress> allowed_sources;  ///< or from these besides its own

  [[nodiscard]] bool needs_vlan_filtering() const { return vlan != 0 || !vlan_trunk.empty(); }
  /// Whether the pod may send more than its own MAC and addresses.
  [[nodiscard]] bool allows_more() const {
    return allow_nested_macs || allow_any_source || !allowed_sources.empty();
  }
  /// Name of the veth that carries the gateway's address in a VLAN.
  [[nodiscard]] std::string vlan_gateway() const { return fmt::format("{}.{}", bridge, vlan); }
};

/// Reads `request.config`, the rendered delegate, and CNI_ARGS. Throws cni::Error that names the key.
BridgeConf parse_bridge_conf(const cni::Request& request);

}  // namespace flannel
