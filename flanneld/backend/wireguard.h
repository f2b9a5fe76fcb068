// What the wireguard backend reads from the network configuration, and what others must know of its devices.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/ip.h"
#include "common/netlink/wireguard_state.h"
#include "flanneld/lease/network_config.h"

namespace flanneld {

/// Of one device, or of the IPv4 one of two.
inline constexpr std::string_view kWireguardLink = "flannel-wg";
inline constexpr std::string_view kWireguardIpv6Link = "flannel-wg-v6";

/// The keys of "Backend", as upstream has them.
struct WireguardOptions {
  /// Which devices there are, and by which addresses of the nodes they send.
  enum class Mode : uint8_t {
    separate,   ///< a device per family, for packets of that family by addresses of that family
    automatic,  ///< "auto": one for both, to each node by the family that both have, IPv4 or a public IPv6
    ipv4,       ///< one for both, by IPv4
    ipv6,       ///< one for both, by IPv6
  };

  uint16_t port = 51820, ipv6_port = 51821;  ///< UDP; the second one of the second device
  netlink::WireguardKey preshared_key{};     ///< of all nodes; zeros: none
  std::chrono::seconds keepalive{0};
  uint32_t mtu = 0;  ///< of the underlay, bytes; 0: the external interface's
  Mode mode = Mode::separate;

  /// Throws base::ParseError naming the key; it never tells the preshared one.
  static WireguardOptions parse(const NetworkConfig& config);
};

/// Bytes around an inner packet: WireGuard's header and authentication tag, UDP and the underlay's IP.
constexpr uint32_t wireguard_overhead(base::Family underlay) {
  return 32 + 8 + (underlay == base::Family::v4 ? 20 : 40);
}

/// The least overhead of a device that is named like ours, of the kernel or of a program; nullopt for every
/// other link.
std::optional<uint32_t> wireguard_device_overhead(std::string_view kind, std::string_view name);

}  // namespace flanneld
