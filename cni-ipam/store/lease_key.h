// An address as the tables of the index hold it: two words, IPv4 in its IPv4-mapped form.
#pragma once

#include <cstdint>

#include "common/base/ip.h"

namespace ipam {

struct LeaseKey : base::Uint128 {
  LeaseKey() = default;
  explicit LeaseKey(const base::IpAddress& address);
  bool operator==(const LeaseKey&) const = default;

  [[nodiscard]] base::IpAddress address() const;
  /// The first of the 64 addresses around it that share one word of the bitmap.
  [[nodiscard]] LeaseKey block() const;
  /// Its place among them.
  [[nodiscard]] unsigned offset() const;
};

}  // namespace ipam
