// The node's WireGuard key: its text, its public half, and the file that keeps it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/netlink/wireguard_state.h"

namespace flanneld {

/// The base64 text that WireGuard's tools have for a key.
std::string format_wireguard_key(const netlink::WireguardKey& key);
/// The inverse; nullopt for text that is no key.
std::optional<netlink::WireguardKey> parse_wireguard_key(std::string_view text);

/// What peers know of a private key. Throws SystemError.
netlink::WireguardKey public_wireguard_key(const netlink::WireguardKey& private_key);

/// Where a key may be.
struct WireguardKeyFiles {
  std::optional<std::string> chosen = {};          ///< WIREGUARD_KEY_FILE: this one and no other
  std::string upstream = "/run/flannel/wgkey";     ///< of a Go flanneld; read, never made
  std::string lasting = "/var/lib/flannel/wgkey";  ///< outlives a reboot
};

/// The key of the chosen file. Without one that of upstream's file, which is then kept in the lasting one,
/// and without that the lasting one's. A file that is not there is made with a new key, complete or not at
/// all, for its owner alone. Throws base::ParseError for a file without a key, SystemError when one cannot be
/// read or made.
netlink::WireguardKey ensure_wireguard_key(const WireguardKeyFiles& files);

}  // namespace flanneld
