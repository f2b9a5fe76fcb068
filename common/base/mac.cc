#include "common/base/mac.h"

#include <sys/random.h>

#include <charconv>

#include "common/base/error.h"

namespace base {

std::string MacAddress::str() const { return fmt::format("{:02x}", fmt::join(bytes, ":")); }

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  MacAddress mac;
  if (text.size() != 17) return std::nullopt;
  const char separator = text[2];
  if (separator != ':' && separator != '-') return std::nullopt;
  for (size_t i = 0; i < 6; ++i) {
    if (i > 0 && text[3 * i - 1] != separator) return std::nullopt;
    const char* first = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(first, first + 2, mac.bytes[i], 16);
    if (error != std::errc{} || end != first + 2) return std::nullopt;
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
