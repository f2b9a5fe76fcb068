#include "flanneld/lease/network_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/text.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

using base::Family;
using base::IpAddress;
using base::IpNet;
using base::ParseError;

constexpr size_t kMaxNetworkConfigBytes = 1 << 20;

constexpr const char* kNftablesKey = "EnableNFTables";
constexpr const char* kBackendKey = "Backend";
constexpr const char* kMasqueradeKey = "IPMasq";
constexpr const char* kNoMasqueradeKey = "NoMasquerade";

/// What differs between the families: names of keys, and upstream's limits.
struct FamilyRules {
  Family family;
  const char* network_key;
  const char* len_key;
  const char* min_key;
  const char* max_key;
  const char* enable_key;
  const char* example;
  unsigned usual_len;         ///< the length that is computed where the network has room for it
  unsigned longest_len;       ///< the longest that may be asked for
  unsigned smallest_network;  ///< the longest network prefix for which a length is computed
};

constexpr FamilyRules kIpv4{Family::v4,   "Network",       "SubnetLen", "SubnetMin", "SubnetMax",
                            "EnableIPv4", "10.244.0.0/16", 24,          30,          28};
constexpr FamilyRules kIpv6{Family::v6,
                            "IPv6Network",
                            "IPv6SubnetLen",
                            "IPv6SubnetMin",
                            "IPv6SubnetMax",
                            "EnableIPv6",
                            "fd00:10:244::/48",
                            64,
                            126,
                            124};

/// A family's keys as given.
struct FamilyText {
  std::optional<IpNet> network;
  unsigned subnet_len = 0;  ///< 0: compute it
  std::optional<IpAddress> subnet_min, subnet_max;
};

[[noreturn]] void reject(const char* key, const std::string& reason) {
  throw ParseError(fmt::format("key '{}': {}", key, reason));
}

/// As get_family_address(), where the unspecified address stands for "not given".
std::optional<IpAddress> read_bound(const json::Value& config, const char* key, Family family) {
  const auto address = get_family_address(config, key, family);
  return address && address->is_unspecified() ? std::nullopt : address;
}

FamilyText read_family(const json::Value& config, const FamilyRules& rules, NetworkConfig::Subnets subnets) {
  FamilyText text;
  if (json::find(config, rules.network_key)) {
    const std::string given = json::get_string(config, rules.network_key, "");
    text.network = IpNet::parse(given);
    if (!text.network || text.network->address.family() != rules.family)
      reject(rules.network_key, fmt::format("{} is not an {} network such as '{}'", in_quotes(given),
                                            family_name(rules.family), rules.example));
  }
  if (subnets == NetworkConfig::Subnets::assigned) return text;
  text.subnet_len = static_cast<unsigned>(get_unsigned(config, rules.len_key, rules.longest_len).value_or(0));
  text.subnet_min = read_bound(config, rules.min_key, rules.family);
  text.subnet_max = read_bound(config, rules.max_key, rules.family);
  return text;
}

unsigned computed_len(const IpNet& network, const FamilyRules& rules) {
  if (network.prefix > rules.smallest_network)
    reject(rules.network_key,
           fmt::format("'{}' is too small, it must be at least a /{}", network, rules.smallest_network));
  return std::max(rules.usual_len, network.prefix + 2U);
}

void check_len(unsigned len, const IpNet& network, const FamilyRules& rules) {
  if (len >= network.prefix + 2U) return;
  reject(rules.len_key, fmt::format("a /{} leaves no room for four subnets in '{}', it must be from {} to {}",
                                    len, network, network.prefix + 2U, rules.longest_len));
}

void check_bound(const char* key, const IpAddress& bound, const FamilyConfig& config,
                 const FamilyRules& rules) {
  if (!config.network.contains(bound))
    reject(key, fmt::format("'{}' is not in '{}', key '{}'", bound, config.network, rules.network_key));
  const IpNet subnet{bound, config.subnet_len};
  if (subnet.network() != subnet)
    reject(key, fmt::format("'{}' is not the base of a /{} subnet; the next one below is '{}'", bound,
                            config.subnet_len, subnet.network().address));
}

/// Of networks whose addresses mean something else to every host.
constexpr struct {
  const char *net, *what;
} kReserved[] = {{"0.0.0.0/8", "addresses of this very network"},
                 {"127.0.0.0/8", "loopback addresses"},
                 {"169.254.0.0/16", "link-local addresses"},
                 {"224.0.0.0/4", "multicast addresses"},
                 {"255.255.255.255/32", "the broadcast address"},
                 {"::/96", "loopback and IPv4-compatible addresses"},
                 {"::ffff:0:0/96", "IPv4-mapped addresses"},
                 {"fe80::/10", "link-local addresses"},
                 {"ff00::/8", "multicast addresses"}};

void check_use(const IpNet& network, const FamilyRules& rules) {
  for (const auto& [net, what] : kReserved)
    if (IpNet::parse(net)->overlaps(network))
      reject(rules.network_key,
             fmt::format("'{}' holds {}, which no pod can have; take another, such as '{}'", network, what,
                         rules.example));
}

FamilyConfig complete(const FamilyText& text, const FamilyRules& rules, NetworkConfig::Subnets subnets) {
  if (!text.network || text.network->prefix == 0)
    reject(rules.network_key, fmt::format("must be given, for example '{}', or '{}' be set to false",
                                          rules.example, rules.enable_key));
  FamilyConfig config;
  config.network = text.network->network();
  check_use(config.network, rules);
  if (subnets == NetworkConfig::Subnets::assigned) {
    config.subnet_len = std::max(config.network.prefix, static_cast<uint8_t>(rules.usual_len));
    config.subnet_min = config.network.address;
    config.subnet_max = IpNet{config.network.last(), config.subnet_len}.network().address;
    return config;
  }
  if (text.subnet_len > 0) check_len(text.subnet_len, config.network, rules);
  config.subnet_len =
      static_cast<uint8_t>(text.subnet_len > 0 ? text.subnet_len : computed_len(config.network, rules));
  const unsigned shift = config.network.address.bits() - config.subnet_len;
  // The first subnet is left out: its base address is the network's own.
  config.subnet_min = text.subnet_min.value_or(config.network.address.plus(base::Uint128(1) << shift));
  config.subnet_max =
      text.subnet_max.value_or(IpNet{config.network.last(), config.subnet_len}.network().address);
  config.peer_lens = {config.subnet_len};
  check_bound(rules.min_key, config.subnet_min, config, rules);
  check_bound(rules.max_key, config.subnet_max, config, rules);
  if (config.subnet_max < config.subnet_min)
    reject(rules.min_key, fmt::format("'{}' is after the last subnet '{}', key '{}'; no subnet is left",
                                      config.subnet_min, config.subnet_max, rules.max_key));
  return config;
}

void read_backend(const json::Value& document, NetworkConfig& config) {
  config.backend = json::get_object(document, kBackendKey, "");
  config.backend_type = "udp";  // as upstream, for whose documentation it is vxlan
  if (!json::find(document, kBackendKey)) return;
  config.backend_type = json::get_string(config.backend, "Type", kBackendKey);
  if (config.backend_type.empty()) reject("Backend.Type", "must name the backend, for example 'vxlan'");
  config.backend_type = base::lower(config.backend_type);
}

/// true, false, "v4" or "v6".
std::optional<Families> read_masquerade(const json::Value& document) {
  const json::Value* given = json::find(document, kMasqueradeKey);
  if (!given) return std::nullopt;
  if (given->is_boolean()) return Families{.v4 = given->get<bool>(), .v6 = given->get<bool>()};
  const auto families =
      given->is_string() ? Families::parse(given->get_ref<const std::string&>()) : std::nullopt;
  if (!families) reject(kMasqueradeKey, "must be true, false, 'v4' or 'v6'");
  return families;
}

std::vector<IpNet> read_no_masquerade(const json::Value& document) {
  std::vector<IpNet> networks;
  const json::Value* given = json::find(document, kNoMasqueradeKey);
  if (!given) return networks;
  if (!given->is_array()) reject(kNoMasqueradeKey, "must be a list of networks such as ['192.168.0.0/16']");
  for (const json::Value& item : *given) {
    const auto network = item.is_string() ? IpNet::parse(item.get_ref<const std::string&>()) : std::nullopt;
    if (!network)
      reject(kNoMasqueradeKey,
             fmt::format("{} is not a network such as '192.168.0.0/16'", in_quotes(item.dump())));
    networks.push_back(network->network());
  }
  return networks;
}

}  // namespace

std::optional<Families> Families::parse(std::string_view text) {
  const std::string word = base::lower(text);
  if (word == "v4") return Families{.v4 = true, .v6 = false};
  if (word == "v6") return Families{.v4 = false, .v6 = true};
  return std::nullopt;
}

uint64_t FamilyConfig::index_of(const IpAddress& address) const {
  const unsigned shift = network.address.bits() - subnet_len;
  const base::Uint128 count = (address.number() >> shift) - (subnet_min.number() >> shift);
  return std::min(count, base::Uint128(UINT64_MAX)).low;
}

uint64_t FamilyConfig::subnet_count() const {
  const uint64_t last = index_of(subnet_max);
  return last == UINT64_MAX ? last : last + 1;
}

IpNet FamilyConfig::nth_subnet(uint64_t index) const {
  return {subnet_min.plus(base::Uint128(index) << (network.address.bits() - subnet_len)), subnet_len};
}

bool FamilyConfig::allows(const IpNet& subnet) const {
  return subnet.address.family() == network.address.family() && subnet.prefix == subnet_len &&
         subnet == subnet.network() && subnet_min <= subnet.address && subnet.address <= subnet_max;
}

bool FamilyConfig::may_be_pods(const IpAddress& address) const {
  const IpAddress second = IpNet{network.address, subnet_len}.last().plus(base::Uint128(1));
  const IpAddress& first = subnet_min == second ? network.address : subnet_min;
  return network.contains(address) && first <= address && address <= IpNet{subnet_max, subnet_len}.last();
}

std::vector<const char*> NetworkConfig::keys() {
  std::vector<const char*> keys;
  for (const FamilyRules& rules : {kIpv4, kIpv6})
    keys.insert(keys.end(),
                {rules.enable_key, rules.network_key, rules.len_key, rules.min_key, rules.max_key});
  keys.insert(keys.end(), {kNftablesKey, kMasqueradeKey, kNoMasqueradeKey, kBackendKey});
  return keys;
}

bool NetworkConfig::has_key(std::string_view name) {
  const auto all = keys();
  const std::string wanted = base::lower(name);
  return std::any_of(all.begin(), all.end(), [&](const char* key) { return base::lower(key) == wanted; });
}

void NetworkConfig::take_lengths_of(const NetworkConfig& other) {
  for (const Family family : base::kFamilies) {
    auto& mine = family == Family::v4 ? ipv4 : ipv6;
    const auto& theirs = other.of(family);
    if (!mine || !theirs || mine->peer_lens.empty()) continue;
    const uint8_t len = theirs->subnet_len;
    if (std::find(mine->peer_lens.begin(), mine->peer_lens.end(), len) == mine->peer_lens.end())
      mine->peer_lens.push_back(len);
  }
}

NetworkConfig NetworkConfig::parse(std::string_view text, Subnets subnets) {
  return decoding("network config", [&] {
    const json::Value document = parse_object(text, kMaxNetworkConfigBytes);
    refuse_misspelt(document, keys(), "");
    NetworkConfig config;
    const FamilyText ipv4_text = read_family(document, kIpv4, subnets);
    const FamilyText ipv6_text = read_family(document, kIpv6, subnets);
    if (json::get_bool(document, kIpv4.enable_key, "", true))
      config.ipv4 = complete(ipv4_text, kIpv4, subnets);
    if (json::get_bool(document, kIpv6.enable_key, "", false))
      config.ipv6 = complete(ipv6_text, kIpv6, subnets);
    if (!config.ipv4 && !config.ipv6)
      throw ParseError("one of the keys 'EnableIPv4' and 'EnableIPv6' must be true");
    if (json::find(document, kNftablesKey))
      config.enable_nftables = json::get_bool(document, kNftablesKey, "");
    config.ip_masq = read_masquerade(document);
    config.no_masquerade = read_no_masquerade(document);
    read_backend(document, config);
    return config;
  });
}

}  // namespace flanneld
