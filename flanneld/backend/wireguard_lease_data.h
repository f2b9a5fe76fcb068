// What a node of the wireguard backend publishes for one family: the BackendData of its lease.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/netlink/wireguard_state.h"

namespace flanneld {

struct WireguardLeaseData {
  netlink::WireguardKey public_key{};
  uint16_t port = 0;  ///< UDP; 0: not said, as nodes before flannel 0.26.6 did

  bool operator==(const WireguardLeaseData&) const = default;

  /// Reads {"PublicKey":"<base64>","Port":51820}; an absent port is 0. Throws base::ParseError, also for a
  /// key of zeros.
  static WireguardLeaseData parse(std::string_view text);
  /// The inverse, in upstream's bytes.
  [[nodiscard]] std::string format() const;
};

}  // namespace flanneld
