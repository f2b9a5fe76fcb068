// Internet addresses and networks: one type for both families.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/str_formatter.h"
#include "common/base/uint128.h"

namespace base {

enum class Family : uint8_t { v4, v6 };
inline constexpr std::array kFamilies{Family::v4, Family::v6};

/// AF_INET or AF_INET6.
int af(Family family);

/// 32 or 128.
constexpr unsigned bits(Family family) { return family == Family::v4 ? 32 : 128; }

/// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address becomes IPv4 when parsed, as Go's net.IP
/// does. Order: IPv4 before IPv6, then numeric.
class IpAddress {
 public:
  static IpAddress v4(uint32_t host_order);
  /// `bytes` in network order, 4 or 16 of them; nullopt for another length.
  static std::optional<IpAddress> from_bytes(const void* bytes, size_t length);
  /// The address that is `number`; of IPv4 the lower 32 bits count.
  static IpAddress from_number(Family family, const Uint128& number);
  /// Text without prefix length or zone; leading zeros in IPv4 octets are refused.
  static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] Family family() const { return family_; }
  [[nodiscard]] bool is_v4() const { return family_ == Family::v4; }
  /// AF_INET or AF_INET6.
  [[nodiscard]] int af() const { return base::af(family_); }
  /// 32 or 128.
  [[nodiscard]] unsigned bits() const { return base::bits(family_); }
  /// The address as a number, which all arithmetic goes by.
  [[nodiscard]] Uint128 number() const;
  /// Network order; size() bytes of it count.
  [[nodiscard]] const uint8_t* data() const { return bytes_.data(); }
  [[nodiscard]] size_t size() const { return is_v4() ? 4 : 16; }
  /// RFC 5952 text, never with a dotted quad tail.
  [[nodiscard]] std::string str() const;
  /// The numerically next / previous address; wraps at the family's ends.
  [[nodiscard]] IpAddress next() const { return plus(1); }
  [[nodiscard]] IpAddress previous() const { return from_number(family_, number() - 1); }
  /// The address `count` further on; wraps at the family's end.
  [[nodiscard]] IpAddress plus(const Uint128& count) const { return from_number(family_, number() + count); }
  /// `other` - this, for an `other` of the same family that is not before this; UINT64_MAX at most.
  [[nodiscard]] uint64_t distance_to(const IpAddress& other) const;
  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_multicast() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_link_local() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_ = Family::v4;
  std::array<uint8_t, 16> bytes_{};
};

/// An address with a prefix length: a network, or an interface address ("10.1.17.2/24").
struct IpNet {
  IpAddress address;
  uint8_t prefix = 0;

  /// "address/prefix"; host bits are kept as given.
  static std::optional<IpNet> parse(std::string_view text);
  [[nodiscard]] std::string str() const;
  /// The same with host bits cleared.
  [[nodiscard]] IpNet network() const;
  /// All host bits set: the broadcast address of an IPv4 network.
  [[nodiscard]] IpAddress last() const;
  [[nodiscard]] bool contains(const IpAddress& other) const;
  [[nodiscard]] bool overlaps(const IpNet& other) const;

  auto operator<=>(const IpNet&) const = default;
};

/// 0.0.0.0/0 or ::/0.
IpNet default_route(Family family);

/// 224.0.0.0/4 or ff00::/8.
IpNet multicast(Family family);

/// 169.254.0.0/16 or fe80::/10.
IpNet link_local(Family family);

}  // namespace base

/// As str().
template <>
struct fmt::formatter<base::IpAddress> : base::StrFormatter<base::IpAddress> {};

/// As str().
template <>
struct fmt::formatter<base::IpNet> : base::StrFormatter<base::IpNet> {};
