// Reads and changes WireGuard devices, whoever serves them: the kernel by generic netlink, a program such as
// wireguard-go by its socket.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/netlink/steps.h"
#include "common/netlink/wireguard.h"

namespace flanneld {

/// What serves a device where the kernel has no WireGuard.
inline constexpr const char* kWireguardProgram = "wireguard-go";
/// Its full path, or empty. PATH is not used.
std::string find_wireguard_program();

/// In the network namespace of the caller.
class WireguardAccess {
 public:
  /// Where the programs have their sockets, a file `<device>.sock` each.
  static constexpr const char* kSocketDirectory = "/var/run/wireguard";

  /// nullopt: there is no such device. Throws SystemError when the one who serves it does not answer.
  std::optional<netlink::WireguardState> read(const std::string& name);

  // The following are for a device that read() has found. Both throw SystemError.

  void configure(const std::string& name, const netlink::WireguardKey& private_key, uint16_t port);
  /// Each change is refused or done by itself.
  std::vector<netlink::Steps::Refusal> change_peers(const std::string& name,
                                                    const std::vector<netlink::WireguardPeerChange>& changes);

  /// Since the last call a peer has got a keepalive that it is not to have (is_greeted()): look again in a
  /// while.
  [[nodiscard]] bool take_greeted() { return std::exchange(has_greeted_, false); }

 private:
  std::optional<netlink::WireguardSocket> kernel_;
  std::set<std::string> by_program_;  ///< devices that programs serve
  bool has_greeted_ = false;
};

}  // namespace flanneld
