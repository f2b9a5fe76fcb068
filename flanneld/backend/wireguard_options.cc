#include <fmt/format.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/backend/device.h"
#include "flanneld/backend/wireguard.h"
#include "flanneld/lease/go_json.h"
#include "flanneld/node/wireguard_key.h"

namespace flanneld {
namespace {

using base::Family;
using Mode = WireguardOptions::Mode;

constexpr const char* kProgramKind = "tun";  ///< of a device that a program serves

Mode parse_mode(const json::Value& backend) {
  const std::string text = json::get_string(backend, "Mode", "Backend");
  if (text.empty() || text == "separate") return Mode::separate;
  if (text == "auto") return Mode::automatic;
  if (text == "ipv4") return Mode::ipv4;
  if (text == "ipv6") return Mode::ipv6;
  throw base::ParseError(
      fmt::format("key 'Backend.Mode': {} must be 'separate', 'auto', 'ipv4' or 'ipv6'", base::quoted(text)));
}

netlink::WireguardKey parse_preshared_key(const json::Value& backend) {
  const std::string text = json::get_string(backend, "PSK", "Backend");
  if (text.empty()) return {};
  if (const auto key = parse_wireguard_key(text)) return *key;
  throw base::ParseError("key 'Backend.PSK' must be the base64 text of 32 bytes, such as `wg genpsk` prints");
}

}  // namespace

WireguardOptions WireguardOptions::parse(const NetworkConfig& config) {
  return decoding("network config", [&] {
    const json::Value& backend = config.backend;
    refuse_misspelt(
        backend, {"Type", "ListenPort", "ListenPortV6", "PSK", "PersistentKeepaliveInterval", "MTU", "Mode"},
        "Backend");
    const auto number = [&](const char* key, int64_t otherwise, int64_t least, int64_t most) {
      return json::get_integer(backend, key, "Backend", least, most).value_or(otherwise);
    };
    WireguardOptions options;
    options.port = static_cast<uint16_t>(number("ListenPort", options.port, 1, UINT16_MAX));
    options.ipv6_port = static_cast<uint16_t>(number("ListenPortV6", options.ipv6_port, 1, UINT16_MAX));
    options.preshared_key = parse_preshared_key(backend);
    options.keepalive = std::chrono::seconds(number("PersistentKeepaliveInterval", 0, 0, UINT16_MAX));
    options.mtu = static_cast<uint32_t>(number("MTU", 0, 0, UINT16_MAX));
    options.mode = parse_mode(backend);
    if (options.mode == Mode::separate && config.ipv4 && config.ipv6 && options.port == options.ipv6_port)
      throw base::ParseError(fmt::format(
          "keys 'Backend.ListenPort' and 'Backend.ListenPortV6': two devices cannot have one port, {}",
          options.port));
    return options;
  });
}

std::optional<uint32_t> wireguard_device_overhead(std::string_view kind, std::string_view name) {
  if (kind != WireguardDevice::kLinkKind && kind != kProgramKind) return std::nullopt;
  if (name == kWireguardLink) return wireguard_overhead(Family::v4);
  if (name == kWireguardIpv6Link) return wireguard_overhead(Family::v6);
  return std::nullopt;
}

}  // namespace flanneld
