#include "cni-flannel/pod/conf.h"

#include "common/base/text.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

using cni::Error;
using cni::ErrorCode;

constexpr int64_t kMaxMtu = 65535;

MasqueradeBackend parse_backend(const json::Value& config) {
  const std::string backend = json::get_string(config, "ipMasqBackend", "delegate");
  if (backend.empty()) return MasqueradeBackend::automatic;
  if (backend == "nftables") return MasqueradeBackend::nftables;
  if (backend == "iptables") return MasqueradeBackend::iptables;
  throw Error(ErrorCode::unsupported_field,
              fmt::format("key 'delegate.ipMasqBackend' is {}, must be nftables or iptables",
                          base::quoted(backend.substr(0, 64))));
}

/// The subnets in ipam.ranges. Anything malformed there is left to the IPAM plugin.
std::vector<base::IpNet> parse_subnets(const json::Value& config) {
  std::vector<base::IpNet> subnets;
  const json::Value* ipam = json::find(config, "ipam");
  const json::Value* sets = ipam && ipam->is_object() ? json::find(*ipam, "ranges") : nullptr;
  if (!sets || !sets->is_array()) return subnets;
  for (const json::Value& set : *sets)
    for (const json::Value& range : set.is_array() ? set : json::Value::array()) {
      const json::Value* subnet = range.is_object() ? json::find(range, "subnet") : nullptr;
      if (!subnet || !subnet->is_string()) continue;
      if (const auto net = base::IpNet::parse(subnet->get<std::string>())) subnets.push_back(net->network());
    }
  return subnets;
}

/// CNI_ARGS, then args.cni.mac, then runtimeConfig.mac: the last one given wins.
std::optional<base::MacAddress> parse_mac(const cni::Request& request) {
  std::string text = cni::parse_args(request.args, {"MAC", "IP"})["MAC"];
  const json::Value& args = json::get_object(request.config, "args", "");
  if (const std::string mac = json::get_string(json::get_object(args, "cni", "args"), "mac", "args.cni");
      !mac.empty())
    text = mac;
  const json::Value& runtime = json::get_object(request.config, "runtimeConfig", "");
  if (const std::string mac = json::get_string(runtime, "mac", "runtimeConfig"); !mac.empty()) text = mac;
  if (text.empty()) return std::nullopt;
  const auto mac = base::MacAddress::parse(text);
  if (!mac || (mac->bytes[0] & 1) != 0 || *mac == base::MacAddress{})
    throw Error(ErrorCode::invalid_config,
                fmt::format("MAC {} is not a unicast hardware address", base::quoted(text.substr(0, 64))),
                "it comes from CNI_ARGS, args.cni.mac or runtimeConfig.mac");
  return mac;
}

}  // namespace

Families families_of(const std::vector<base::IpNet>& addresses) {
  Families families;
  for (const base::IpNet& net : addresses) (net.address.is_v4() ? families.v4 : families.v6) = true;
  return families;
}

PodConf parse_pod_conf(const cni::Request& request) {
  const json::Value& config = request.config;
  const auto flag = [&](const char* key) { return json::get_bool(config, key, "delegate"); };
  PodConf conf;
  conf.is_default_gateway = flag("isDefaultGateway");
  conf.is_gateway = flag("isGateway") || conf.is_default_gateway;
  conf.ip_masq = flag("ipMasq");
  conf.masquerade_backend = parse_backend(config);
  conf.mtu = static_cast<uint32_t>(json::get_integer(config, "mtu", "delegate", 0, kMaxMtu).value_or(0));
  conf.duplicate_address_detection = flag("enabledad");
  conf.subnets = parse_subnets(config);
  conf.dns = cni::parse_dns(json::get_object(config, "dns", "delegate"), "delegate.dns");
  conf.mac = parse_mac(request);
  return conf;
}

}  // namespace flannel
