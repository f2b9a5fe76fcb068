// The text protocol of programs that serve WireGuard devices, such as wireguard-go: requests and answers of
// their sockets (wireguard.com/xplatform). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/netlink/wireguard_state.h"

namespace flanneld {

inline constexpr std::string_view kGetWireguard = "get=1\n\n";
/// What is longer is no answer: 16,000 peers take 8 MB.
inline constexpr size_t kMaxWireguardAnswer = 8 << 20;

/// Whether a peer, so that it is greeted, is given a keepalive that it is not to have. Turning that off at
/// once would greet nobody where the program has not yet noticed that its link is up.
bool is_greeted(const netlink::WireguardPeerChange& change);

/// Sets a device's private key and port.
std::string set_wireguard_text(const netlink::WireguardKey& private_key, uint16_t port);
/// Changes peers of a device.
std::string set_wireguard_text(const std::vector<netlink::WireguardPeerChange>& changes);

/// True when `text` ends with the empty line that ends an answer.
bool is_whole_wireguard_answer(std::string_view text);
/// Reads the errno of an answer, 0 for success, and what a get was answered. Throws base::ParseError for what
/// is no answer; lines that are not known are passed over.
int parse_wireguard_answer(std::string_view text, netlink::WireguardState& state);

}  // namespace flanneld
