// An address and port that a server listens at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/ip.h"
#include "common/base/str_formatter.h"
#include "common/base/unique_fd.h"

struct sockaddr_storage;

namespace flanneld {

struct ListenAddress {
  base::IpAddress ip;
  uint16_t port = 0;

  /// "127.0.0.1:7000" or "[::1]:7000", as in a URL.
  [[nodiscard]] std::string str() const {
    return ip.is_v4() ? fmt::format("{}:{}", ip, port) : fmt::format("[{}]:{}", ip, port);
  }
  bool operator==(const ListenAddress&) const = default;
};

/// A TCP socket that listens there and does not block. Throws SystemError.
base::UniqueFd listen_on(const ListenAddress& address);

/// The address of who has connected; nullopt for a family that is none of IP.
std::optional<base::IpAddress> address_of(const sockaddr_storage& from);

}  // namespace flanneld

template <>
struct fmt::formatter<flanneld::ListenAddress> : base::StrFormatter<flanneld::ListenAddress> {};
