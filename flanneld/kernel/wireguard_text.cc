#include "flanneld/kernel/wireguard_text.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <optional>

#include "common/base/error.h"
#include "common/base/text.h"

namespace flanneld {
namespace {

using netlink::WireguardEndpoint;
using netlink::WireguardKey;
using netlink::WireguardPeer;
using netlink::WireguardState;

std::string hex(const WireguardKey& key) {
  std::string text;
  for (const uint8_t byte : key) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  return text;
}

constexpr std::chrono::seconds kGreeting(5);

template <class Number>
std::optional<Number> parse_number(std::string_view text, int base = 10) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::optional<WireguardKey> parse_hex(std::string_view text) {
  WireguardKey key{};
  if (text.size() != 2 * key.size()) return std::nullopt;
  for (size_t i = 0; i < key.size(); ++i) {
    const auto byte = parse_number<uint8_t>(text.substr(2 * i, 2), 16);
    if (!byte) return std::nullopt;
    key[i] = *byte;
  }
  return key;
}

/// "192.0.2.1:51820" or "[2001:db8::1]:51820".
std::optional<WireguardEndpoint> parse_endpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const auto address = base::IpAddress::parse(host.substr(0, host.find('%')));
  const auto port = parse_number<uint16_t>(text.substr(colon + 1));
  if (!address || !port) return std::nullopt;
  return WireguardEndpoint{*address, *port};
}

/// What a line says. Nothing is good enough for a value that cannot be read.
template <class Value, class Member>
void assign(const std::optional<Value>& value, Member& member) {
  if (value) member = static_cast<Member>(*value);
}

void take_peer_line(std::string_view key, std::string_view value, WireguardPeer& peer) {
  if (key == "preshared_key") {
    assign(parse_hex(value), peer.preshared_key);
  } else if (key == "endpoint") {
    peer.endpoint = parse_endpoint(value);
  } else if (key == "persistent_keepalive_interval") {
    peer.keepalive = std::chrono::seconds(parse_number<uint16_t>(value).value_or(0));
  } else if (key == "rx_bytes") {
    assign(parse_number<uint64_t>(value), peer.received);
  } else if (key == "tx_bytes") {
    assign(parse_number<uint64_t>(value), peer.sent);
  } else if (key == "allowed_ip") {
    if (const auto net = base::IpNet::parse(value)) peer.allowed.push_back(*net);
  } else if (key == "last_handshake_time_sec") {
    if (const auto seconds = parse_number<uint32_t>(value); seconds && *seconds > 0)
      peer.last_handshake = std::chrono::sys_seconds(std::chrono::seconds(*seconds));
  }
}

void take_line(std::string_view key, std::string_view value, WireguardState& state) {
  if (key == "public_key") {
    const auto public_key = parse_hex(value);
    if (!public_key) throw base::ParseError("a peer's key is not 64 hexadecimal digits");
    state.peers.emplace_back().public_key = *public_key;
  } else if (!state.peers.empty()) {
    take_peer_line(key, value, state.peers.back());
  } else if (key == "private_key") {
    assign(parse_hex(value), state.private_key);
  } else if (key == "listen_port") {
    assign(parse_number<uint16_t>(value), state.port);
  }
}

}  // namespace

bool is_greeted(const netlink::WireguardPeerChange& change) {
  return !change.remove && change.greet && change.keepalive.count() == 0;
}

std::string set_wireguard_text(const WireguardKey& private_key, uint16_t port) {
  return fmt::format("set=1\nprivate_key={}\nlisten_port={}\n\n", hex(private_key), port);
}

std::string set_wireguard_text(const std::vector<netlink::WireguardPeerChange>& changes) {
  std::string text = "set=1\n";
  const auto add = std::back_inserter(text);
  for (const netlink::WireguardPeerChange& change : changes) {
    fmt::format_to(add, "public_key={}\n", hex(change.public_key));
    if (change.remove) {
      text += "remove=true\n";
      continue;
    }
    fmt::format_to(add, "preshared_key={}\n", hex(change.preshared_key));
    if (const auto& endpoint = change.endpoint; endpoint && endpoint->address.is_v4())
      fmt::format_to(add, "endpoint={}:{}\n", endpoint->address, endpoint->port);
    else if (endpoint)
      fmt::format_to(add, "endpoint=[{}]:{}\n", endpoint->address, endpoint->port);
    fmt::format_to(add, "persistent_keepalive_interval={}\nreplace_allowed_ips=true\n",
                   is_greeted(change) ? kGreeting.count() : change.keepalive.count());
    for (const base::IpNet& net : change.allowed) fmt::format_to(add, "allowed_ip={}\n", net);
  }
  text += '\n';
  return text;
}

bool is_whole_wireguard_answer(std::string_view text) { return text.ends_with("\n\n"); }

int parse_wireguard_answer(std::string_view text, WireguardState& state) {
  std::optional<int> error_number;
  for (const std::string_view line : base::split(text, '\n')) {
    if (line.empty()) continue;
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) throw base::ParseError("a line has no '='");
    const std::string_view key = line.substr(0, equals), value = line.substr(equals + 1);
    if (key == "errno")
      error_number = parse_number<int>(value);
    else
      take_line(key, value, state);
  }
  if (!error_number) throw base::ParseError("there is no 'errno' at its end");
  return *error_number;
}

}  // namespace flanneld
