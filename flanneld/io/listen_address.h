// An address and port that a server listens at.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/ip.h"
#include "common/base/str_formatter.h"

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

}  // namespace flanneld

template <>
struct fmt::formatter<flanneld::ListenAddress> : base::StrFormatter<flanneld::ListenAddress> {};
