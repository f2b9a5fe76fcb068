#include "common/base/ip.h"

#include <arpa/inet.h>
#include <endian.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace base {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/// RFC 5952 section 4. inet_ntop() is not used: it prints ::/96 with a dotted quad tail.
std::string format_v6(const uint8_t* bytes) {
  std::array<unsigned, 8> group{};
  for (size_t i = 0; i < 8; ++i) group[i] = static_cast<unsigned>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
  size_t best = 0;
  size_t best_length = 1;  // a single zero group is not compressed
  for (size_t i = 0; i < 8;) {
    size_t end = i;
    while (end < 8 && group[end] == 0) ++end;
    if (end - i > best_length) {
      best = i;
      best_length = end - i;
    }
    i = std::max(end, i + 1);
  }
  if (best_length < 2) return fmt::format("{:x}", fmt::join(group, ":"));
  const auto end = group.begin() + best + best_length;
  return fmt::format("{:x}::{:x}", fmt::join(group.begin(), group.begin() + best, ":"),
                     fmt::join(end, group.end(), ":"));
}

/// The bits behind the prefix.
Uint128 host_mask(const IpNet& net) { return (Uint128(1) << (net.address.bits() - net.prefix)) - 1; }

}  // namespace

int af(Family family) { return family == Family::v4 ? AF_INET : AF_INET6; }

IpAddress IpAddress::v4(uint32_t host_order) {
  IpAddress address;
  const uint32_t network_order = htonl(host_order);
  std::memcpy(address.bytes_.data(), &network_order, 4);
  return address;
}

std::optional<IpAddress> IpAddress::from_bytes(const void* bytes, size_t length) {
  if (length != 4 && length != 16) return std::nullopt;
  IpAddress address;
  address.family_ = length == 4 ? Family::v4 : Family::v6;
  std::memcpy(address.bytes_.data(), bytes, length);
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.empty() || text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos)
    return std::nullopt;
  char terminated[INET6_ADDRSTRLEN] = {};
  std::memcpy(terminated, text.data(), text.size());
  IpAddress address;
  if (inet_pton(AF_INET, terminated, address.bytes_.data()) == 1) return address;
  address.bytes_ = {};
  if (inet_pton(AF_INET6, terminated, address.bytes_.data()) != 1) return std::nullopt;
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.bytes_.begin()))
    return from_bytes(address.bytes_.data() + 12, 4);
  address.family_ = Family::v6;
  return address;
}

std::string IpAddress::str() const {
  if (!is_v4()) return format_v6(bytes_.data());
  return fmt::format("{}.{}.{}.{}", bytes_[0], bytes_[1], bytes_[2], bytes_[3]);
}

IpAddress IpAddress::from_number(Family family, const Uint128& number) {
  if (family == Family::v4) return v4(static_cast<uint32_t>(number.low));
  const uint64_t words[2] = {htobe64(number.high), htobe64(number.low)};
  return *from_bytes(words, sizeof words);
}

Uint128 IpAddress::number() const {
  if (is_v4()) {
    uint32_t v4 = 0;
    std::memcpy(&v4, bytes_.data(), sizeof v4);
    return be32toh(v4);
  }
  uint64_t words[2] = {};
  std::memcpy(words, bytes_.data(), sizeof words);
  return {be64toh(words[0]), be64toh(words[1])};
}

uint64_t IpAddress::distance_to(const IpAddress& other) const {
  return std::min(other.number() - number(), Uint128(UINT64_MAX)).low;
}

bool IpAddress::is_unspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_multicast() const { return multicast(family_).contains(*this); }

bool IpAddress::is_loopback() const { return is_v4() ? bytes_[0] == 127 : number() == 1; }

bool IpAddress::is_link_local() const { return link_local(family_).contains(*this); }

std::optional<IpNet> IpNet::parse(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = IpAddress::parse(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  unsigned prefix = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (!address || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (prefix > address->bits() || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
  return IpNet{*address, static_cast<uint8_t>(prefix)};
}

std::string IpNet::str() const { return fmt::format("{}/{}", address, prefix); }

IpNet IpNet::network() const {
  return {IpAddress::from_number(address.family(), address.number() & ~host_mask(*this)), prefix};
}

IpAddress IpNet::last() const {
  return IpAddress::from_number(address.family(), address.number() | host_mask(*this));
}

bool IpNet::contains(const IpAddress& other) const {
  return other.family() == address.family() && IpNet{other, prefix}.network() == network();
}

bool IpNet::overlaps(const IpNet& other) const {
  return contains(other.network().address) || other.contains(network().address);
}

IpNet default_route(Family family) { return {IpAddress::from_number(family, 0), 0}; }

IpNet multicast(Family family) {
  return family == Family::v4 ? IpNet{IpAddress::v4(0xe0000000), 4}
                              : IpNet{IpAddress::from_number(Family::v6, {0xffULL << 56, 0}), 8};
}

IpNet link_local(Family family) {
  return family == Family::v4 ? IpNet{IpAddress::v4(0xa9fe0000), 16}
                              : IpNet{IpAddress::from_number(Family::v6, {0xfe80ULL << 48, 0}), 10};
}

}  // namespace base
