// Packets between nodes in VXLAN: one device per family, and for each peer a route, a neighbour entry and
// a forwarding entry. All three are permanent: nothing is asked for, nothing is flooded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "flanneld/backend/backend.h"

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

/// The hardware address of a device that is made for the first time. It depends on nothing that a new
/// start, a lost device or a lost store would change.
base::MacAddress derive_vtep_mac(uint32_t vni, const base::IpAddress& public_address);

/// Throws base::ParseError.
std::unique_ptr<Backend> make_vxlan_backend(const BackendContext& context);

}  // namespace flanneld
