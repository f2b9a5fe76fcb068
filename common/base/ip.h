// Internet addresses and networks: one type for both families.
#pragma once

#include <fmt/format.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

enum class Family : uint8_t { v4, v6 };
inline constexpr std::array kFamilies{Family::v4, Family::v6};

/// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address becomes IPv4 when parsed, as Go's net.IP
/// does. Order: IPv4 before IPv6, then numeric.
class IpAddress {
 public:
  static IpAddress v4(uint32_t host_order);
  /// `bytes` in network order, 4 or 16 of them; nullopt for another length.
  static std::optional<IpAddress> from_bytes(const void* bytes, size_t length);
  /// Text without prefix length or zone; leading zeros in IPv4 octets are refused.
  static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] Family family() const { return family_; }
  [[nodiscard]] bool is_v4() const { return family_ == Family::v4; }
  /// AF_INET or AF_INET6.
  [[nodiscard]] int af() const;
  /// 32 or 128.
  [[nodiscard]] unsigned bits() const { return is_v4() ? 32 : 128; }
  /// Network order; size() bytes of it count.
  [[nodiscard]] const uint8_t* data() const { return bytes_.data(); }
  [[nodiscard]] size_t size() const { return is_v4() ? 4 : 16; }
  /// RFC 5952 text, never with a dotted quad tail.
  [[nodiscard]] std::string str() const;
  /// The numerically next / previous address; wraps at the family's ends.
  [[nodiscard]] IpAddress next() const;
  [[nodiscard]] IpAddress previous() const;
  /// Numeric distance `other - *this` for other >= *this, saturated at UINT64_MAX.
  [[nodiscard]] uint64_t distance_to(const IpAddress& other) const;
  /// The address `count` further on.
  [[nodiscard]] IpAddress plus(uint64_t count) const;
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

}  // namespace base

/// As str().
template <>
struct fmt::formatter<base::IpAddress> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const base::IpAddress& value, Context& context) const {
    return fmt::formatter<std::string_view>::format(value.str(), context);
  }
};

/// As str().
template <>
struct fmt::formatter<base::IpNet> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const base::IpNet& value, Context& context) const {
    return fmt::formatter<std::string_view>::format(value.str(), context);
  }
};
