// The network devices that backends ask for, as data. One struct for each kind; what is common to all kinds
// stands in Device. kernel/device.cc makes them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "common/netlink/wireguard_state.h"

namespace flanneld {

/// A VXLAN tunnel endpoint (VTEP).
struct VxlanDevice {
  static constexpr std::string_view kLinkKind = "vxlan";  ///< IFLA_INFO_KIND

  uint32_t vni = 0;
  uint16_t port = 0;                          ///< UDP
  std::optional<base::IpAddress> local = {};  ///< the outer source address; nullopt: the kernel chooses
  bool learning = false;                      ///< of MACs, from packets that come in
  bool gbp = false;                           ///< group policy extension
  bool operator==(const VxlanDevice&) const = default;
};

/// A WireGuard device, whose peers are not its own matter.
struct WireguardDevice {
  static constexpr std::string_view kLinkKind = "wireguard";  ///< or "tun", of one that a program serves

  uint16_t port = 0;  ///< UDP
  netlink::WireguardKey private_key{};
  netlink::WireguardKey preshared_key{};  ///< with every peer; zeros: none
  std::chrono::seconds keepalive{0};      ///< to every peer; 0: off
  bool operator==(const WireguardDevice&) const = default;
};

/// An IPv4-in-IPv4 tunnel to wherever the gateway of a route is.
struct IpipDevice {
  static constexpr std::string_view kLinkKind = "ipip";

  base::IpAddress local;  ///< the outer source address
  bool operator==(const IpipDevice&) const = default;
};

/// A TUN device, whose packets the agent itself carries.
struct TunDevice {
  static constexpr std::string_view kLinkKind = "tun";
  bool operator==(const TunDevice&) const = default;
};

/// What a device has of one family.
struct DeviceNetwork {
  std::optional<base::IpNet> address = {};  ///< nullopt while there is no lease
  base::IpNet network;  ///< another address of the device within it is stale, and is removed
};

/// How the aliases of agents' devices begin; the path of the agent's subnet file follows.
inline constexpr std::string_view kOwnerMark = "flanneld ";

struct Device {
  std::string name;
  uint32_t mtu = 0;                     ///< bytes
  std::optional<base::MacAddress> mac;  ///< nullopt: any, or a kind that has none
  int lower = 0;                        ///< ifindex of the link that carries its packets; 0: any
  std::optional<base::IpNet> address;   ///< nullopt while there is no lease
  base::IpNet network;                  ///< another address of the device within it is stale, and is removed
  std::string owner;                    ///< the link's alias, which says whose it is; empty: none
  bool tx_checksum = true;              ///< false: switch checksum offload off at each creation
  std::variant<VxlanDevice, WireguardDevice, TunDevice, IpipDevice> kind;
  std::optional<DeviceNetwork> other_family = {};  ///< of a device for packets of both

  /// What the kernel calls the kind of the link.
  [[nodiscard]] std::string_view link_kind() const {
    return std::visit([](const auto& one) { return one.kLinkKind; }, kind);
  }
};

}  // namespace flanneld
