// What a node of the vxlan backend publishes for one family: the BackendData of its lease.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/ip.h"
#include "common/base/mac.h"

namespace flanneld {

inline constexpr uint32_t kMaxVni = (1U << 24) - 1;

struct VxlanLeaseData {
  uint32_t vni = 0;
  base::MacAddress vtep_mac;
  /// Where the node's packets come from, if that is not the public address; upstream does not know it.
  std::optional<base::IpAddress> source = {};

  bool operator==(const VxlanLeaseData&) const = default;

  /// Reads {"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}, with "Source":"192.0.2.1" behind that; an absent VNI is
  /// 0. Throws base::ParseError, also for a MAC that no vxlan device can have: all zero, or with the
  /// multicast bit.
  static VxlanLeaseData parse(std::string_view text);
  /// The inverse, in upstream's bytes.
  [[nodiscard]] std::string format() const;
};

}  // namespace flanneld
