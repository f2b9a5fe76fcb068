#include "cni-flannel/ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cni-ipam/store/range.h"
#include "common/base/text.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

using base::Family;
using base::IpAddress;
using base::IpNet;
using cni::Error;
using cni::ErrorCode;

struct Interval {
  IpAddress first, last;
};

constexpr std::array kBounds{"rangeStart", "rangeEnd", "gateway"};

[[noreturn]] void refuse(const std::string& key, const std::string& problem) {
  throw Error(ErrorCode::invalid_config, fmt::format("key '{}' {}", key, problem),
              "flanneld decides on the node's subnet; an address of every node's is written without network "
              "bits, such as 0.0.0.100 or ::100");
}

std::vector<IpNet> subnets_of(const SubnetEnv& env) {
  std::vector<IpNet> subnets;
  for (const auto& subnet : {env.subnet, env.ipv6_subnet})
    if (subnet) subnets.push_back(subnet->network());
  if (env.ipv6_first) std::reverse(subnets.begin(), subnets.end());
  return subnets;
}

const IpNet& subnet_of_family(const std::vector<IpNet>& subnets, Family family, const std::string& key) {
  for (const IpNet& subnet : subnets)
    if (subnet.address.family() == family) return subnet;
  refuse(key,
         fmt::format("is of {}, of which the node has no subnet", family == Family::v4 ? "IPv4" : "IPv6"));
}

/// `address`, or the one of `subnet` if it has only host bits.
IpAddress place(const IpAddress& address, const IpNet& subnet) {
  const IpNet zero{IpAddress::from_number(address.family(), 0), subnet.prefix};
  if (subnet.contains(address) || !zero.contains(address)) return address;
  return IpAddress::from_number(address.family(), subnet.address.number() + address.number());
}

std::optional<IpAddress> bound(const json::Value& item, const char* key, const IpNet& subnet,
                               const std::string& where) {
  const auto given = json::get_address(item, key, where);
  if (!given) return std::nullopt;
  const IpAddress placed = place(*given, subnet);
  if (!subnet.contains(placed))
    refuse(json::join_path(where, key),
           fmt::format("is {}, outside of the node's subnet {}", placed, subnet));
  return placed;
}

std::optional<IpNet> given_subnet(const json::Value& item, const std::string& where) {
  const std::string text = json::get_string(item, "subnet", where);
  if (text.empty()) return std::nullopt;
  const auto subnet = IpNet::parse(text);
  if (!subnet) refuse(json::join_path(where, "subnet"), fmt::format("is {}, no subnet", base::quoted(text)));
  return subnet->network();
}

/// What `reserved` takes out of `subnet`, in order.
std::vector<Interval> reserved_in(const json::Value& ipam, const IpNet& subnet) {
  std::vector<Interval> reserved;
  for (const std::string& text : json::get_strings(ipam, "reserved", "ipam")) {
    const auto address = IpAddress::parse(text);
    const auto net = IpNet::parse(text);
    if (!address && !net)
      refuse("ipam.reserved", fmt::format("has {}, neither an address nor a network", base::quoted(text)));
    Interval one = address ? Interval{*address, *address} : Interval{net->network().address, net->last()};
    if (one.first.family() != subnet.address.family()) continue;
    one = {place(one.first, subnet), place(one.last, subnet)};
    if (subnet.overlaps({one.first, static_cast<uint8_t>(address ? address->bits() : net->prefix)}))
      reserved.push_back(one);
  }
  std::sort(reserved.begin(), reserved.end(),
            [](const Interval& a, const Interval& b) { return a.first < b.first; });
  return reserved;
}

/// The parts of a range that `reserved` leaves.
std::vector<Interval> parts_of(const ipam::Range& range, const std::vector<Interval>& reserved) {
  std::vector<Interval> parts;
  IpAddress next = range.first;
  for (const Interval& taken : reserved) {
    if (taken.last < next) continue;
    if (range.last < taken.first) break;
    if (next < taken.first) parts.push_back({next, taken.first.previous()});
    if (taken.last >= range.last) return parts;
    next = taken.last.next();
  }
  parts.push_back({next, range.last});
  return parts;
}

/// Appends what one range of the configuration becomes. Without bounds it is the subnet alone, as upstream
/// has it.
void append_range(json::Value& set, const json::Value& ipam, const json::Value& item, const IpNet& subnet,
                  const std::string& where) {
  if (!item.is_object()) refuse(where, "has a range that is no object");
  ipam::RangeSpec spec{.subnet = subnet,
                       .start = bound(item, "rangeStart", subnet, where),
                       .end = bound(item, "rangeEnd", subnet, where),
                       .gateway = bound(item, "gateway", subnet, where)};
  if (const auto given = given_subnet(item, where)) {
    if (!given->overlaps(subnet))
      refuse(json::join_path(where, "subnet"),
             fmt::format("is {}, and the node's subnet {}", *given, subnet));
    if (given->prefix > subnet.prefix) {  // a part of the node's
      const ipam::Range part = ipam::make_range({.subnet = *given, .start = {}, .end = {}, .gateway = {}});
      if (!spec.start) spec.start = part.first;
      if (!spec.end) spec.end = part.last;
    }
  }
  const ipam::Range range = cni::with_context(where, [&] { return ipam::make_range(spec); });
  const auto reserved = reserved_in(ipam, subnet);
  const auto parts = parts_of(range, reserved);
  const bool is_whole =
      parts.size() == 1 && parts.front().first == range.first && parts.front().last == range.last;
  for (const Interval& part : parts) {
    json::Value written{{"subnet", subnet.str()}};
    if (spec.gateway) written["gateway"] = spec.gateway->str();
    if (spec.start || !is_whole) written["rangeStart"] = part.first.str();
    if (spec.end || !is_whole) written["rangeEnd"] = part.last.str();
    set.push_back(std::move(written));
  }
}

/// The family that a range of the configuration names; nullopt if it names none.
std::optional<Family> family_of(const json::Value& item, const std::string& where) {
  if (const auto subnet = given_subnet(item, where)) return subnet->address.family();
  for (const char* key : kBounds)
    if (const auto address = json::get_address(item, key, where)) return address->family();
  return std::nullopt;
}

/// What the short form says of a family; an empty object if nothing.
json::Value short_form(const json::Value& ipam, Family family) {
  json::Value item = json::Value::object();
  if (const auto subnet = given_subnet(ipam, "ipam"); subnet && subnet->address.family() == family)
    item["subnet"] = subnet->str();
  for (const char* key : kBounds)
    if (const auto address = json::get_address(ipam, key, "ipam"); address && address->family() == family)
      item[key] = address->str();
  return item;
}

/// The range sets while they are put together.
class Ranges {
 public:
  explicit Ranges(const json::Value& ipam) : ipam_(ipam) {}

  void add_set(const json::Value& items, const IpNet& subnet, const std::string& where) {
    json::Value set = json::Value::array();
    for (const json::Value& item : items) append_range(set, ipam_, item, subnet, where);
    if (set.empty()) refuse("ipam.reserved", fmt::format("leaves the pods nothing of {}", subnet));
    sets_.push_back(std::move(set));
    families_.push_back(subnet.address.family());
  }
  [[nodiscard]] bool has(Family family) const {
    return std::find(families_.begin(), families_.end(), family) != families_.end();
  }
  [[nodiscard]] json::Value take() { return std::move(sets_); }

 private:
  const json::Value& ipam_;
  json::Value sets_ = json::Value::array();
  std::vector<Family> families_;
};

}  // namespace

json::Value render_ranges(const json::Value& ipam, const SubnetEnv& env) {
  const std::vector<IpNet> subnets = subnets_of(env);
  Ranges ranges(ipam);
  size_t number = 0;
  for (const json::Value& set : json::get_array(ipam, "ranges", "ipam")) {
    const std::string where = fmt::format("ipam.ranges[{}]", number++);
    if (!set.is_array() || set.empty() || !set.front().is_object()) refuse(where, "is no array of ranges");
    const auto family = family_of(set.front(), where);
    if (!family) refuse(where, "names neither a subnet nor an address");
    ranges.add_set(set, subnet_of_family(subnets, *family, where), where);
  }
  for (const Family family : base::kFamilies)
    if (!short_form(ipam, family).empty()) subnet_of_family(subnets, family, "ipam");
  for (const IpNet& subnet : subnets) {
    const json::Value item = short_form(ipam, subnet.address.family());
    if (!item.empty() || !ranges.has(subnet.address.family()))
      ranges.add_set(json::Value::array({item}), subnet, "ipam");
  }
  return ranges.take();
}

}  // namespace flannel
