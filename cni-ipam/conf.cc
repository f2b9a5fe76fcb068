#include "cni-ipam/conf.h"

#include <algorithm>
#include <array>

#include "common/cni/error.h"
#include "common/cni/version.h"
#include "common/json/json.h"

namespace ipam {
namespace {

using cni::Error;
using cni::ErrorCode;

constexpr const char* kDefaultDataDir = "/var/lib/cni/networks";
constexpr size_t kMaxPath = 3800;    // leaves room for a name within PATH_MAX
constexpr size_t kMaxRanges = 1024;  // their overlaps are found pair by pair

std::string item_path(std::string_view where, size_t index) { return fmt::format("{}[{}]", where, index); }

void require_object(const json::Value& value, const std::string& where) {
  if (!value.is_object())
    throw Error(ErrorCode::decoding_failure,
                fmt::format("key '{}' must be an object, not {}", where, value.type_name()));
}

const json::Value& ipam_of(const cni::Request& request) {
  if (!json::find(request.config, "ipam"))
    throw Error(ErrorCode::invalid_config, "IPAM config missing 'ipam' key",
                "add an object 'ipam' with a subnet or ranges to the configuration");
  return json::get_object(request.config, "ipam", "");
}

base::IpNet parse_subnet(const json::Value& object, const std::string& where) {
  const std::string text = json::get_string(object, "subnet", where);
  const std::string key = json::join_path(where, "subnet");
  if (text.empty())
    throw Error(ErrorCode::invalid_config, fmt::format("key '{}' is missing", key),
                "each range needs its subnet");
  const auto subnet = base::IpNet::parse(text);
  const bool mapped = subnet && subnet->address.is_v4() && text.find(':') != std::string::npos;
  if (!subnet || mapped)
    throw Error(ErrorCode::invalid_config,
                fmt::format("key '{}': '{}' is not a subnet", key, text.substr(0, 64)),
                mapped ? "write an IPv4 subnet as IPv4"
                       : "a subnet is written address/prefix, for example 10.244.1.0/24");
  return *subnet;
}

Range parse_range(const json::Value& object, const std::string& where) {
  require_object(object, where);
  RangeSpec spec;
  spec.subnet = parse_subnet(object, where);
  spec.start = json::get_address(object, "rangeStart", where);
  spec.end = json::get_address(object, "rangeEnd", where);
  spec.gateway = json::get_address(object, "gateway", where);
  return cni::with_context(where, [&] { return make_range(spec); });
}

/// The keys of the short form, directly in `ipam`. The other three mean nothing without a subnet.
void parse_short_form(const json::Value& ipam, std::vector<RangeSet>& sets) {
  if (!json::get_string(ipam, "subnet", "ipam").empty()) {
    sets.push_back({parse_range(ipam, "ipam")});
    return;
  }
  std::vector<std::string> stray;
  for (const char* key : {"rangeStart", "rangeEnd", "gateway"})
    if (!json::get_string(ipam, key, "ipam").empty()) stray.push_back(fmt::format("'ipam.{}'", key));
  if (!stray.empty())
    throw Error(ErrorCode::invalid_config,
                fmt::format("{} given without 'ipam.subnet'", fmt::join(stray, ", ")),
                "add the subnet, or move the keys into the range in 'ipam.ranges' that they belong to");
}

void parse_sets(const json::Value& array, const std::string& where, std::vector<RangeSet>& sets) {
  for (size_t i = 0; i < array.size(); ++i) {
    const std::string set_path = item_path(where, i);
    if (!array[i].is_array() && !array[i].is_null())
      throw Error(ErrorCode::decoding_failure,
                  fmt::format("key '{}' must be an array, not {}", set_path, array[i].type_name()));
    if (array[i].size() > kMaxRanges)
      throw Error(ErrorCode::invalid_config, fmt::format("{}: more than {} ranges", set_path, kMaxRanges));
    RangeSet set;
    for (size_t j = 0; j < array[i].size(); ++j)
      set.push_back(parse_range(array[i][j], item_path(set_path, j)));
    sets.push_back(std::move(set));
  }
}

/// Spec versions before 0.3.0 have room for one address of each family in a result.
void check_families(const std::vector<RangeSet>& sets, const std::string& version) {
  if (!cni::version_less(version, "0.3.0")) return;
  std::array<int, 2> count{};
  for (const RangeSet& set : sets)
    if (++count[set[0].first.is_v4() ? 0 : 1] > 1)
      throw Error(ErrorCode::invalid_config,
                  fmt::format("CNI version {} does not support more than 1 address per family", version),
                  "use cniVersion 0.3.0 or newer, or one range set per family");
}

void check_sets(const std::vector<RangeSet>& sets) {
  size_t ranges = 0;
  for (size_t i = 0; i < sets.size(); ++i) {
    ranges += sets[i].size();
    if (ranges > kMaxRanges)
      throw Error(ErrorCode::invalid_config, fmt::format("more than {} ranges", kMaxRanges));
    cni::with_context(fmt::format("invalid range set {}", i), [&] { check_range_set(sets[i]); });
  }
  for (size_t i = 0; i < sets.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (overlap(sets[i], sets[j]))
        throw Error(ErrorCode::invalid_config, fmt::format("range set {} overlaps with {}", j, i),
                    fmt::format("{} and {}", to_string(sets[j]), to_string(sets[i])));
}

Requested parse_requested_address(const std::string& text, const std::string& where, ErrorCode code) {
  std::optional<base::IpAddress> address = base::IpAddress::parse(text);
  if (const auto net = base::IpNet::parse(text)) address = net->address;  // the prefix length is the range's
  if (!address)
    throw Error(code, fmt::format("{}: '{}' is not an IP address", where, text.substr(0, 64)),
                "an address is requested as 10.244.1.7 or 10.244.1.7/24");
  return {.address = *address, .code = code};
}

/// Appends the addresses of `object.ips` that are not in `requested` yet: several sources may name the same.
void parse_requested_list(const json::Value& object, const std::string& where,
                          std::vector<Requested>& requested) {
  const std::vector<std::string> texts = json::get_strings(object, "ips", where);
  const std::string path = json::join_path(where, "ips");
  if (texts.size() > kMaxRanges)
    throw Error(ErrorCode::invalid_config, fmt::format("{}: more than {} addresses", path, kMaxRanges));
  for (const std::string& text : texts) {
    const Requested one = parse_requested_address(text, path, ErrorCode::invalid_config);
    const auto same = [&](const Requested& other) { return other.address == one.address; };
    if (std::none_of(requested.begin(), requested.end(), same)) requested.push_back(one);
  }
}

/// A path out of the configuration: no byte that would end it early, no endless length.
std::string checked_path(std::string path, const std::string& key) {
  if (path.find('\0') != std::string::npos || path.size() > kMaxPath)
    throw Error(ErrorCode::invalid_config,
                fmt::format("key '{}' is no path: it is too long or has a NUL in it", key));
  return path;
}

}  // namespace

std::string store_directory(const cni::Request& request) {
  if (!cni::is_valid_identifier(request.network))
    throw Error(ErrorCode::invalid_config, "invalid characters in network name",
                request.network.substr(0, 256));
  const json::Value& ipam = json::get_object(request.config, "ipam", "");
  std::string path = checked_path(json::get_string(ipam, "dataDir", "ipam"), "ipam.dataDir");
  if (path.empty()) path = kDefaultDataDir;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return fmt::format("{}/{}", path == "/" ? "" : path, request.network);
}

std::vector<RangeSet> parse_ranges(const cni::Request& request) {
  const json::Value& ipam = ipam_of(request);
  std::vector<RangeSet> sets;
  parse_sets(
      json::get_array(json::get_object(request.config, "runtimeConfig", ""), "ipRanges", "runtimeConfig"),
      "runtimeConfig.ipRanges", sets);
  parse_short_form(ipam, sets);
  parse_sets(json::get_array(ipam, "ranges", "ipam"), "ipam.ranges", sets);
  if (sets.empty())
    throw Error(ErrorCode::invalid_config, "no IP ranges specified", "give 'ipam.subnet' or 'ipam.ranges'");
  check_sets(sets);
  check_families(sets, request.version);
  return sets;
}

std::vector<Requested> parse_requested(const cni::Request& request) {
  std::vector<Requested> requested;
  const auto arguments = cni::parse_args(request.args, {"IP"});
  if (const auto ip = arguments.find("IP"); ip != arguments.end() && !ip->second.empty())
    requested.push_back(parse_requested_address(ip->second, "CNI_ARGS: IP", ErrorCode::invalid_environment));
  const json::Value& args = json::get_object(request.config, "args", "");
  parse_requested_list(json::get_object(args, "cni", "args"), "args.cni", requested);
  parse_requested_list(json::get_object(request.config, "runtimeConfig", ""), "runtimeConfig", requested);
  return requested;
}

std::vector<cni::Route> parse_routes(const cni::Request& request) {
  std::vector<cni::Route> routes;
  for (const json::Value& route : json::get_array(ipam_of(request), "routes", "ipam"))
    routes.push_back(cni::parse_route(route, "ipam.routes"));
  return routes;
}

std::string resolv_conf_path(const cni::Request& request) {
  return checked_path(json::get_string(ipam_of(request), "resolvConf", "ipam"), "ipam.resolvConf");
}

}  // namespace ipam
