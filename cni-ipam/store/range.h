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

/// Alternatives: an attachment gets one address out of all of them.
using RangeSet = std::vector<Range>;

/// Fills in the defaults: gateway and first = network + 1, last = the subnet's last address, without
/// the broadcast address of IPv4. Throws cni::Error(invalid_config).
Range make_range(const RangeSpec& spec);

/// Throws cni::Error(invalid_config) for an empty set, mixed families or an overlap.
void check_range_set(const RangeSet& set);

/// The range that holds `address`; nullptr if none does.
const Range* find_range(const RangeSet& set, const base::IpAddress& address);
const Range* find_range(const std::vector<RangeSet>& sets, const base::IpAddress& address);

[[nodiscard]] bool overlap(const RangeSet& a, const RangeSet& b);

/// "first-last,first-last".
std::string to_string(const RangeSet& set);

/// Where to look for a free address, in order.
struct Interval {
  const Range* range = nullptr;
  base::IpAddress first, last;
};

/// One round robin turn over `set`, which must outlive the answer: every address once except the
/// gateways, beginning behind `last_reserved` and ending with it. Without it, or when it lies outside
/// the set, the turn begins with the first range.
std::vector<Interval> full_turn(const RangeSet& set, const std::optional<base::IpAddress>& last_reserved);

}  // namespace ipam
