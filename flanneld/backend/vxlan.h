// What the vxlan backend reads from the network configuration, and what others must know of its devices.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "flanneld/lease/network_config.h"

namespace flanneld {

/// The keys of "Backend", as upstream has them, and ChecksumOffload.
struct VxlanOptions {
  uint32_t vni = 1;
  uint16_t port = 0;            ///< UDP; 0: the kernel's default, 8472
  uint32_t mtu = 0;             ///< of the underlay, bytes; 0: the external interface's
  bool learning = false;        ///< of MACs, from packets that come in
  bool gbp = false;             ///< group policy extension
  bool direct_routing = false;  ///< no tunnel to peers that need no gateway
  /// False: each device is made with transmit checksum offload off, for networks that damage or drop
  /// the outer packet's checksum. Default: on, as upstream leaves it.
  bool checksum_offload = true;

  /// Throws base::ParseError naming the key.
  static VxlanOptions parse(const NetworkConfig& config);
};

/// Bytes around an inner frame's payload: Ethernet, VXLAN and UDP headers, and the IP header of the underlay.
constexpr uint32_t vxlan_overhead(base::Family underlay) {
  return 14 + 8 + 8 + (underlay == base::Family::v4 ? 20 : 40);
}

/// The overhead of a VXLAN device that is named like ours, "flannel.1" or "flannel-v6.4096"; nullopt for
/// every other link.
std::optional<uint32_t> vxlan_device_overhead(std::string_view kind, std::string_view name);

/// The hardware address of a device that is made for the first time. It depends on nothing that a new
/// start, a lost device or a lost store would change. The node's own address tells nodes apart that share a
/// public one.
base::MacAddress derive_vtep_mac(uint32_t vni, const base::IpAddress& public_address,
                                 const base::IpAddress& own_address);

}  // namespace flanneld
