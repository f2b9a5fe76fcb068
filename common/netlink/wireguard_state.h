// What a WireGuard device has, and what is to change of it, as data. The kernel and the programs that serve a
// device in its place tell the same.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/ip.h"

namespace netlink {

/// Of Curve25519, or shared before; all zero: none.
using WireguardKey = std::array<uint8_t, 32>;

/// Where a peer's packets are sent to, by UDP.
struct WireguardEndpoint {
  base::IpAddress address;
  uint16_t port = 0;
  bool operator==(const WireguardEndpoint&) const = default;
};

struct WireguardPeer {
  WireguardKey public_key{};
  WireguardKey preshared_key{};
  std::optional<WireguardEndpoint> endpoint = {};
  std::chrono::seconds keepalive{0};                            ///< 0: off
  std::vector<base::IpNet> allowed = {};                        ///< what it may send from, and is sent
  std::optional<std::chrono::sys_seconds> last_handshake = {};  ///< nullopt: there was none
  uint64_t received = 0, sent = 0;                              ///< bytes
  bool operator==(const WireguardPeer&) const = default;
};

struct WireguardState {
  WireguardKey private_key{}, public_key{};
  uint16_t port = 0;  ///< UDP
  std::vector<WireguardPeer> peers = {};
  bool operator==(const WireguardState&) const = default;
};

/// Makes one peer, changes it, or removes it.
struct WireguardPeerChange {
  WireguardKey public_key{};
  bool remove = false;  ///< the rest does not count then
  WireguardKey preshared_key{};
  std::optional<WireguardEndpoint> endpoint = {};  ///< nullopt: as it is
  /// Begin a handshake at once: the peer may have a session that this end has not, and go on with that for 15
  /// s.
  bool greet = false;
  std::chrono::seconds keepalive{0};
  std::vector<base::IpNet> allowed = {};  ///< in the place of those that it has
  bool operator==(const WireguardPeerChange&) const = default;
};

}  // namespace netlink
