#include "cni-flannel/bridge/conf.h"

#include "common/base/text.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

using cni::Error;
using cni::ErrorCode;

constexpr int64_t kMaxVlan = 4094;

std::string parse_bridge_name(const json::Value& config) {
  std::string name = json::get_string(config, "bridge", "delegate");
  if (name.empty()) return BridgeConf{}.bridge;
  if (const std::string problem = cni::new_ifname_problem(name); !problem.empty())
    throw Error(ErrorCode::invalid_config, fmt::format("key 'delegate.bridge': interface name {} {}",
                                                       base::quoted(name.substr(0, 64)), problem));
  return name;
}

netlink::Vlan parse_trunk_item(const json::Value& item) {
  constexpr std::string_view kWhere = "delegate.vlanTrunk";
  if (!item.is_object())
    throw Error(ErrorCode::decoding_failure, "each of 'delegate.vlanTrunk' must be an object");
  const auto id = json::get_integer(item, "id", kWhere, 1, kMaxVlan);
  const auto first = json::get_integer(item, "minID", kWhere, 1, kMaxVlan);
  const auto last = json::get_integer(item, "maxID", kWhere, 1, kMaxVlan);
  if (first.has_value() != last.has_value())
    throw Error(ErrorCode::invalid_config, "'delegate.vlanTrunk': minID and maxID must be given together");
  if (id && first)
    throw Error(ErrorCode::invalid_config,
                "'delegate.vlanTrunk': give either id, or minID and maxID, in one item");
  if (!id && !first)
    throw Error(ErrorCode::invalid_config, "'delegate.vlanTrunk': an item needs id, or minID and maxID");
  if (first && *first > *last)
    throw Error(ErrorCode::invalid_config, "'delegate.vlanTrunk': minID is greater than maxID");
  return {static_cast<uint16_t>(id ? *id : *first), static_cast<uint16_t>(id ? *id : *last), false};
}

/// Each address of the list's addresses and networks.
std::vector<base::IpAddress> parse_allowed_sources(const json::Value& config) {
  constexpr size_t kMost = 256;
  std::vector<base::IpAddress> addresses;
  for (const json::Value& item : json::get_array(config, "allowedSources", "delegate")) {
    const std::string text = item.is_string() ? item.get<std::string>() : std::string();
    const auto address = base::IpAddress::parse(text);
    const auto net =
        address ? base::IpNet{*address, static_cast<uint8_t>(address->bits())} : base::IpNet::parse(text);
    if (!net)
      throw Error(
          item.is_string() ? ErrorCode::invalid_config : ErrorCode::decoding_failure,
          fmt::format("'delegate.allowedSources': {} is no address or network",
                      base::quoted(item.is_string() ? text.substr(0, 64) : item.dump().substr(0, 64))),
          "write addresses such as 10.244.0.250 or networks such as 192.0.2.0/28");
    const unsigned host_bits = net->address.bits() - net->prefix;
    if (host_bits > 8 || addresses.size() + (size_t{1} << host_bits) > kMost)
      throw Error(ErrorCode::invalid_config,
                  fmt::format("'delegate.allowedSources' has more than {} addresses", kMost),
                  "name fewer of them, or set delegate.allowAnySource to true for pods that route");
    for (size_t place = 0; place < size_t{1} << host_bits; ++place)
      addresses.push_back(net->network().address.plus(place));
  }
  return addresses;
}

void check_combinations(const json::Value& config, const BridgeConf& conf) {
  if (conf.hairpin && conf.promiscuous)
    throw Error(ErrorCode::invalid_config,
                "'delegate.hairpinMode' and 'delegate.promiscMode' exclude each other",
                "set one of them to false");
  if (json::get_bool(config, "disableContainerInterface", "delegate"))
    throw Error(ErrorCode::unsupported_field,
                "'delegate.disableContainerInterface' is true, which needs a network without ipam",
                "flannel always gives addresses; remove the key or use the bridge plugin itself");
  if (conf.vlan != 0 && conf.is_gateway)
    if (const std::string problem = cni::ifname_problem(conf.vlan_gateway()); !problem.empty())
      throw Error(ErrorCode::invalid_config,
                  fmt::format("'delegate.bridge' with 'delegate.vlan': interface name {} {}",
                              base::quoted(conf.vlan_gateway()), problem),
                  "give the bridge a shorter name");
}

}  // namespace

BridgeConf parse_bridge_conf(const cni::Request& request) {
  const json::Value& config = request.config;
  const auto flag = [&](const char* key) { return json::get_bool(config, key, "delegate"); };
  BridgeConf conf;
  static_cast<PodConf&>(conf) = parse_pod_conf(request);
  conf.bridge = parse_bridge_name(config);
  conf.force_address = flag("forceAddress");
  conf.hairpin = flag("hairpinMode");
  conf.promiscuous = flag("promiscMode");
  conf.vlan = static_cast<uint16_t>(json::get_integer(config, "vlan", "delegate", 0, kMaxVlan).value_or(0));
  for (const json::Value& item : json::get_array(config, "vlanTrunk", "delegate"))
    conf.vlan_trunk.push_back(parse_trunk_item(item));
  conf.preserve_default_vlan = flag("preserveDefaultVlan");
  conf.mac_spoof_check = flag("macspoofchk");
  conf.port_isolation = flag("portIsolation");
  conf.allow_nested_macs = flag("allowNestedMacs");
  conf.allow_any_source = flag("allowAnySource");
  conf.allowed_sources = parse_allowed_sources(config);
  conf.allows_other_sources = conf.allow_any_source || !conf.allowed_sources.empty();
  check_combinations(config, conf);
  return conf;
}

}  // namespace flannel
