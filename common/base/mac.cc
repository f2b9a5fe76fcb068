#include "common/base/mac.h"

#include <sys/random.h>

#include <charconv>

#include "common/base/error.h"

namespace base {

std::string MacAddress::str() const { return fmt::format("{:02x}", fmt::join(bytes, ":")); }

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  const size_t octets_together = text.size() == 14 && text[4] == '.' ? 2 : 1;
  if (octets_together == 1 && (text.size() != 17 || (text[2] != ':' && text[2] != '-'))) return std::nullopt;
  const char separator = octets_together == 2 ? '.' : text[2];
  MacAddress mac;
  const char* at = text.data();
  for (size_t i = 0; i < mac.bytes.size(); ++i) {
    if (i > 0 && i % octets_together == 0 && *at++ != separator) return std::nullopt;
    const auto [end, error] = std::from_chars(at, at + 2, mac.bytes[i], 16);
    if (error != std::errc{} || end != at + 2) return std::nullopt;
    at = end;
  }
  return mac;
}

MacAddress MacAddress::random() {
  MacAddress mac;
  if (::getrandom(mac.bytes.data(), mac.bytes.size(), 0) != static_cast<ssize_t>(mac.bytes.size()))
    throw_errno("get random bytes for a hardware address");
  mac.bytes[0] = static_cast<uint8_t>((mac.bytes[0] | 0x02) & 0xfe);
  return mac;
}

}  // namespace base
