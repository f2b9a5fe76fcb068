#include "cni-ipam/store/range.h"

#include <algorithm>

#include "common/cni/error.h"

namespace ipam {
namespace {

using base::IpAddress;

[[noreturn]] void reject(const std::string& message, const std::string& details = {}) {
  throw cni::Error(cni::ErrorCode::invalid_config, message, details);
}

void check_end(const char* key, const std::optional<IpAddress>& address, const base::IpNet& subnet) {
  if (address && !subnet.contains(*address))
    reject(fmt::format("{} {} not in network {}", key, *address, subnet));
}

/// Appends first..last without the gateway.
void append(std::vector<Interval>& turn, const Range& range, const IpAddress& first, const IpAddress& last) {
  if (last < first) return;
  const IpAddress& gateway = range.gateway;
  if (gateway.family() != first.family() || gateway < first || last < gateway) {
    turn.push_back({&range, first, last});
    return;
  }
  if (first < gateway) turn.push_back({&range, first, gateway.previous()});
  if (gateway < last) turn.push_back({&range, gateway.next(), last});
}

}  // namespace

bool Range::contains(const IpAddress& address) const {
  return address.family() == first.family() && first <= address && address <= last;
}

bool Range::overlaps(const Range& other) const {
  return first.family() == other.first.family() && first <= other.last && other.first <= last;
}

uint64_t Range::size() const {
  const uint64_t distance = first.distance_to(last);
  if (contains(gateway)) return distance;
  return distance == UINT64_MAX ? distance : distance + 1;
}

std::string Range::str() const { return fmt::format("{}-{}", first, last); }

Range make_range(const RangeSpec& spec) {
  const base::IpNet& subnet = spec.subnet;
  const base::IpNet network = subnet.network();
  // Two hosts are all that such a network has (RFC 3021, RFC 6164): neither of its addresses stands for
  // itself.
  const bool is_of_two = subnet.prefix == subnet.address.bits() - 1;
  if (subnet.prefix == subnet.address.bits())
    reject(fmt::format("network {} too small to allocate from", subnet),
           fmt::format("the longest usable prefix is /{}", subnet.address.bits() - 1));
  if (subnet.address != network.address)
    reject(
        fmt::format("network {} has host bits set", subnet),
        fmt::format("for a prefix of length {} the network address is {}", subnet.prefix, network.address));
  check_end("rangeStart", spec.start, subnet);
  check_end("rangeEnd", spec.end, subnet);
  Range range;
  range.subnet = subnet;
  range.gateway = spec.gateway.value_or(network.address.next());
  range.first = spec.start.value_or(is_of_two ? network.address : network.address.next());
  const bool has_broadcast = subnet.address.is_v4() && !is_of_two;
  range.last = spec.end.value_or(has_broadcast ? subnet.last().previous() : subnet.last());
  if (range.last < range.first)
    reject(fmt::format("rangeStart {} is after rangeEnd {}", range.first, range.last));
  return range;
}

void check_range_set(const RangeSet& set) {
  if (set.empty()) reject("empty range set", "a range set needs at least one range");
  for (size_t i = 0; i < set.size(); ++i) {
    if (set[i].first.family() != set[0].first.family())
      reject("mixed address families",
             "IPv4 and IPv6 ranges must be in range sets of their own; an attachment then gets both");
    for (size_t j = 0; j < i; ++j)
      if (set[i].overlaps(set[j]))
        reject(fmt::format("subnets {} and {} overlap", set[j].str(), set[i].str()));
  }
}

const Range* find_range(const RangeSet& set, const IpAddress& address) {
  const auto found =
      std::find_if(set.begin(), set.end(), [&](const Range& range) { return range.contains(address); });
  return found == set.end() ? nullptr : &*found;
}

const Range* find_range(const std::vector<RangeSet>& sets, const IpAddress& address) {
  for (const RangeSet& set : sets)
    if (const Range* range = find_range(set, address)) return range;
  return nullptr;
}

bool overlap(const RangeSet& a, const RangeSet& b) {
  return std::any_of(a.begin(), a.end(), [&](const Range& one) {
    return std::any_of(b.begin(), b.end(), [&](const Range& other) { return one.overlaps(other); });
  });
}

std::string to_string(const RangeSet& set) {
  std::vector<std::string> ranges;
  for (const Range& range : set) ranges.push_back(range.str());
  return fmt::format("{}", fmt::join(ranges, ","));
}

std::vector<Interval> full_turn(const RangeSet& set, const std::optional<IpAddress>& last_reserved) {
  std::vector<Interval> turn;
  const Range* begin = last_reserved ? find_range(set, *last_reserved) : nullptr;
  const size_t at = begin ? static_cast<size_t>(begin - set.data()) : 0;
  if (begin && *last_reserved < begin->last) append(turn, *begin, last_reserved->next(), begin->last);
  for (size_t i = begin ? 1 : 0; i < set.size(); ++i) {
    const Range& range = set[(at + i) % set.size()];
    append(turn, range, range.first, range.last);
  }
  if (begin) append(turn, *begin, begin->first, *last_reserved);
  return turn;
}

}  // namespace ipam
