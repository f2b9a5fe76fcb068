#include "common/base/ip.h"

#include <arpa/inet.h>
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
  std::string text;
  for (size_t i = 0; i < 8;) {
    if (best_length > 1 && i == best) {
      text += "::";
      i += best_length;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    char digits[4];
    const auto end = std::to_chars(digits, digits + sizeof digits, group[i], 16).ptr;
    text.append(digits, end);
    ++i;
  }
  return text;
}

}  // namespace

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

int IpAddress::af() const { return is_v4() ? AF_INET : AF_INET6; }

std::string IpAddress::str() const {
  if (!is_v4()) return format_v6(bytes_.data());
  std::string text = std::to_string(bytes_[0]);
  for (size_t i = 1; i < 4; ++i) text.append(".").append(std::to_string(bytes_[i]));
  return text;
}

IpAddress IpAddress::next() const { return plus(1); }

IpAddress IpAddress::previous() const {
  IpAddress result = *this;
  for (size_t i = size(); i-- > 0;)
    if (result.bytes_[i]-- != 0) break;
  return result;
}

IpAddress IpAddress::plus(uint64_t count) const {
  IpAddress result = *this;
  for (size_t i = size(); i-- > 0 && count != 0;) {
    const uint64_t sum = result.bytes_[i] + (count & 0xff);
    result.bytes_[i] = static_cast<uint8_t>(sum);
    count = (count >> 8) + (sum >> 8);
  }
  return result;
}

uint64_t IpAddress::distance_to(const IpAddress& other) const {
  std::array<int, 16> digit{};
  int borrow = 0;
  for (size_t i = size(); i-- > 0;) {
    const int difference = other.bytes_[i] - bytes_[i] - borrow;
    borrow = difference < 0 ? 1 : 0;
    digit[i] = difference + 256 * borrow;
  }
  uint64_t result = 0;
  for (size_t i = 0; i < size(); ++i) {
    if (result >> 56 != 0) return UINT64_MAX;
    result = result << 8 | static_cast<uint64_t>(digit[i]);
  }
  return result;
}

bool IpAddress::is_unspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_multicast() const { return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff; }

bool IpAddress::is_loopback() const { return is_v4() ? bytes_[0] == 127 : *this == *parse("::1"); }

bool IpAddress::is_link_local() const {
  return is_v4() ? bytes_[0] == 169 && bytes_[1] == 254 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

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

std::string IpNet::str() const { return address.str() + "/" + std::to_string(prefix); }

IpNet IpNet::network() const {
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < address.size(); ++i) {
    const int kept = std::clamp(static_cast<int>(prefix) - static_cast<int>(8 * i), 0, 8);
    bytes[i] = static_cast<uint8_t>(address.data()[i] & (0xff00 >> kept));
  }
  return {*IpAddress::from_bytes(bytes.data(), address.size()), prefix};
}

IpAddress IpNet::last() const {
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < address.size(); ++i) {
    const int kept = std::clamp(static_cast<int>(prefix) - static_cast<int>(8 * i), 0, 8);
    bytes[i] = static_cast<uint8_t>(address.data()[i] | (0xff >> kept));
  }
  return *IpAddress::from_bytes(bytes.data(), address.size());
}

bool IpNet::contains(const IpAddress& other) const {
  return other.family() == address.family() && IpNet{other, prefix}.network() == network();
}

bool IpNet::overlaps(const IpNet& other) const {
  return contains(other.network().address) || other.contains(network().address);
}

IpNet default_route(Family family) {
  return family == Family::v4 ? IpNet{IpAddress::v4(0), 0} : *IpNet::parse("::/0");
}

}  // namespace base
