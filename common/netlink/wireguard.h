// WireGuard devices of the kernel: making one by rtnetlink, its keys and peers by generic netlink.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/netlink/message.h"
#include "common/netlink/socket.h"
#include "common/netlink/steps.h"
#include "common/netlink/wireguard_state.h"

namespace netlink {

inline constexpr std::string_view kWireguardKind = "wireguard";

/// Makes a device, which is down and has neither key nor peers. Throws NetlinkError: EOPNOTSUPP when the
/// kernel has no WireGuard, EEXIST when the name is taken.
void create_wireguard(NetlinkSocket& socket, const std::string& name, uint32_t mtu);

/// Reads one part of the answer to a question for a device: a device with many peers is told of in several,
/// which may divide a peer. What is not well formed is passed over.
void add_wireguard_part(const nlmsghdr* message, WireguardState& state);

/// Generic netlink to WireGuard's family, in the network namespace that the caller is in.
class WireguardSocket {
 public:
  /// nullopt: the kernel has no WireGuard. Throws SystemError.
  static std::optional<WireguardSocket> open();

  /// nullopt: there is no such device. Throws NetlinkError.
  std::optional<WireguardState> read(const std::string& name);

  /// Gives a device its private key and its port. Throws NetlinkError.
  void configure(const std::string& name, const WireguardKey& private_key, uint16_t port);

  /// Changes peers, in order; each one is refused or done by itself. Throws SystemError when the socket
  /// fails.
  std::vector<Steps::Refusal> change_peers(const std::string& name,
                                           const std::vector<WireguardPeerChange>& changes);

 private:
  WireguardSocket(NetlinkSocket socket, uint16_t family) : socket_(std::move(socket)), family_(family) {}
  [[nodiscard]] Message request(uint8_t command, const std::string& name) const;

  NetlinkSocket socket_;
  uint16_t family_;
};

}  // namespace netlink
