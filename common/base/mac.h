// Ethernet hardware address.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/str_formatter.h"

namespace base {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  bool operator==(const MacAddress&) const = default;
  /// Lower case, colon separated: "0a:58:0a:f4:01:02".
  [[nodiscard]] std::string str() const;
  /// Six hex octets in Go's forms, in any case: 0a:58:0a:f4:01:02, 0a-58-0a-f4-01-02 or 0a58.0af4.0102.
  /// nullopt for anything else.
  static std::optional<MacAddress> parse(std::string_view text);
  /// A random unicast address with the "locally administered" bit (IEEE 802: 0x02).
  static MacAddress random();
};

}  // namespace base

/// As str().
template <>
struct fmt::formatter<base::MacAddress> : base::StrFormatter<base::MacAddress> {};
