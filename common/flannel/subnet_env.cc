#include "common/flannel/subnet_env.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "common/base/error.h"
#include "common/base/text.h"

namespace flannel {
namespace {

using base::Family;
using base::IpNet;
using base::ParseError;

constexpr const char* kNetwork = "FLANNEL_NETWORK";
constexpr const char* kSubnet = "FLANNEL_SUBNET";
constexpr const char* kIpv6Network = "FLANNEL_IPV6_NETWORK";
constexpr const char* kIpv6Subnet = "FLANNEL_IPV6_SUBNET";
constexpr const char* kMtu = "FLANNEL_MTU";
constexpr const char* kIpMasq = "FLANNEL_IPMASQ";

bool is_known(std::string_view key) {
  return key == kNetwork || key == kSubnet || key == kIpv6Network || key == kIpv6Subnet || key == kMtu ||
         key == kIpMasq;
}

IpNet parse_net(std::string_view text, Family family) {
  const auto net = IpNet::parse(text);
  if (!net)
    throw ParseError(fmt::format("'{}' is not a network such as {}", text.substr(0, 64),
                                 family == Family::v4 ? "10.244.1.1/24" : "fd00:10:244:1::1/64"));
  if (net->address.family() != family)
    throw ParseError(fmt::format("'{}' is not of the family that this key holds", *net));
  return *net;
}

std::vector<IpNet> parse_networks(std::string_view text, Family family) {
  std::vector<IpNet> networks;
  for (const std::string_view part : base::split(text, ',')) {
    const IpNet network = parse_net(base::trimmed(part), family).network();
    if (std::find(networks.begin(), networks.end(), network) == networks.end()) networks.push_back(network);
  }
  return networks;
}

uint32_t parse_mtu(std::string_view text) {
  uint32_t mtu = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mtu);
  if (error != std::errc{} || end != text.data() + text.size())
    throw ParseError(fmt::format("'{}' is not a number of bytes", text.substr(0, 64)));
  if (mtu > 65535) throw ParseError(fmt::format("'{}' is more than the largest MTU, 65535", text));
  return mtu;
}

/// The values of the known keys, the last of each.
std::map<std::string_view, std::string_view> split_lines(std::string_view text, const std::string& path) {
  std::map<std::string_view, std::string_view> values;
  size_t number = 0;
  for (const std::string_view line : base::split(text, '\n')) {
    ++number;
    const size_t equals = line.find('=');
    const std::string_view key = base::trimmed(line.substr(0, equals));
    if (!is_known(key)) continue;
    if (equals == std::string_view::npos)
      throw ParseError(fmt::format("{} line {}: '{}' has no '=' and no value", path, number, key));
    values[key] = base::trimmed(line.substr(equals + 1));
  }
  return values;
}

/// Upstream's order and rule: either family will do for networks and for subnets.
void check_complete(const std::map<std::string_view, std::string_view>& values, const std::string& path) {
  std::vector<std::string_view> missing;
  const auto need_one_of = [&](std::initializer_list<const char*> keys) {
    if (std::none_of(keys.begin(), keys.end(), [&](const char* key) { return values.contains(key); }))
      missing.insert(missing.end(), keys.begin(), keys.end());
  };
  need_one_of({kNetwork, kIpv6Network});
  need_one_of({kSubnet, kIpv6Subnet});
  need_one_of({kMtu});
  need_one_of({kIpMasq});
  if (!missing.empty()) throw ParseError(fmt::format("{} is missing {}", path, fmt::join(missing, ", ")));
}

void check_families(const SubnetEnv& env, const std::string& path) {
  if (env.networks.empty() != !env.subnet || env.ipv6_networks.empty() != !env.ipv6_subnet)
    throw ParseError(fmt::format(
        "{}: a network and a subnet of one family belong together; one of the two is missing", path));
}

}  // namespace

SubnetEnv SubnetEnv::parse(std::string_view text, const std::string& path) {
  const auto values = split_lines(text, path);
  check_complete(values, path);
  SubnetEnv env;
  for (const auto& [key, value] : values) {
    try {
      if (key == kNetwork) env.networks = parse_networks(value, Family::v4);
      if (key == kIpv6Network) env.ipv6_networks = parse_networks(value, Family::v6);
      if (key == kSubnet) env.subnet = parse_net(value, Family::v4);
      if (key == kIpv6Subnet) env.ipv6_subnet = parse_net(value, Family::v6);
      if (key == kMtu) env.mtu = parse_mtu(value);
      if (key == kIpMasq) env.ip_masq = value == "true";
    } catch (const ParseError& error) {
      throw ParseError(fmt::format("{}: {}: {}", path, key, error.what()));
    }
  }
  check_families(env, path);
  // The values point into the text.
  env.ipv6_first = env.subnet && env.ipv6_subnet && values.at(kIpv6Subnet).data() < values.at(kSubnet).data();
  return env;
}

std::string SubnetEnv::format() const {
  std::string text;
  const auto add_family = [&](const char* network_key, const std::vector<IpNet>& family_networks,
                              const char* subnet_key, const std::optional<IpNet>& family_subnet) {
    if (family_subnet)
      text += fmt::format("{}={}\n{}={}\n", network_key, fmt::join(family_networks, ","), subnet_key,
                          *family_subnet);
  };
  const auto add_ipv6 = [&] { add_family(kIpv6Network, ipv6_networks, kIpv6Subnet, ipv6_subnet); };
  if (ipv6_first) add_ipv6();
  add_family(kNetwork, networks, kSubnet, subnet);
  if (!ipv6_first) add_ipv6();
  return text + fmt::format("{}={}\n{}={}\n", kMtu, mtu, kIpMasq, ip_masq);
}

}  // namespace flannel
