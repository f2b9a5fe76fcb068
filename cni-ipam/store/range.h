// Ranges of addresses and sets of them, canonical and checked. Pure: no files, no JSON.
// Source of the rules: host-local's range.go and range_set.go.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"

namespace ipam {

/// A range as a configuration gives it.
struct RangeSpec {
  base::IpNet subnet;
  std::optional<base::IpAddress> start, end, gateway;
};

/// The addresses from `first` to `last`, both included, of one subnet.
struct Range {
  base::IpNet subnet;
  base::IpAddress first, last;
  base::IpAddress gateway;  ///< never given out; may lie outside the subnet

  [[nodiscard]] bool contains(const base::IpAddress& address) const;
  [[nodiscard]] bool overlaps(const Range& other) const;
  /// How many addresses it can give out; saturates at UINT64_MAX.
  [[nodiscard]] uint64_t size() const;
  /// "first-last".
  [[nodiscard]] std::string str() const;
};

/// An attachment gets one address out of all ranges of a set.
using RangeSet = std::vector<Range>;

/// Fills in the defaults: gateway and first = network + 1, last = the subnet's last address, without
/// the broadcast address of IPv4. A /31 (IPv6: /127) is both of its addresses. Throws
/// cni::Error(invalid_config).
Range make_range(const RangeSpec& spec);

/// Throws cni::Error(invalid_config) for an empty set, mixed families or an overlap.
void check_range_set(const RangeSet& set);

/// The range that `address` lies in; nullptr if there is none.
const Range* find_range(const RangeSet& set, const base::IpAddress& address);
const Range* find_range(const std::vector<RangeSet>& sets, const base::IpAddress& address);

/// Whether an address lies in both.
[[nodiscard]] bool overlap(const RangeSet& a, const RangeSet& b);

/// "first-last,first-last".
std::string to_string(const RangeSet& set);

/// A part of a range.
struct Interval {
  const Range* range = nullptr;
  base::IpAddress first, last;
};

/// The order in which one round robin turn visits the addresses of `set`, each once and without the gateways:
/// from the one behind `last_reserved` to that itself. Without it, or when it lies outside the set, the turn
/// begins with the first range. The answer points into `set`.
std::vector<Interval> full_turn(const RangeSet& set, const std::optional<base::IpAddress>& last_reserved);

}  // namespace ipam
