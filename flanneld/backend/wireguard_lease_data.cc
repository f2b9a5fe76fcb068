#include "flanneld/backend/wireguard_lease_data.h"

#include <fmt/format.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/lease/go_json.h"
#include "flanneld/node/wireguard_key.h"

namespace flanneld {
namespace {

constexpr size_t kMaxWireguardDataBytes = 4096;

}  // namespace

WireguardLeaseData WireguardLeaseData::parse(std::string_view text) {
  return decoding("wireguard backend data", [&] {
    const json::Value document = parse_object(text, kMaxWireguardDataBytes);
    const std::string key_text = json::get_string(document, "PublicKey", "");
    const auto key = parse_wireguard_key(key_text);
    if (!key || *key == netlink::WireguardKey{})
      throw base::ParseError(fmt::format("key 'PublicKey': {} is not the base64 text of a WireGuard key",
                                         base::quoted(key_text)));
    WireguardLeaseData data{.public_key = *key};
    data.port = static_cast<uint16_t>(get_unsigned(document, "Port", UINT16_MAX).value_or(0));
    return data;
  });
}

std::string WireguardLeaseData::format() const {
  return fmt::format(R"({{"PublicKey":"{}","Port":{}}})", format_wireguard_key(public_key), port);
}

}  // namespace flanneld
