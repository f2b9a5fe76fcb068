#include "common/flannel/subnet_env.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "common/base/error.h"

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

std::string_view trim(std::string_view text) {
  constexpr const char* kBlank = " \t\r";
  const size_t first = text.find_first_not_of(kBlank);
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool is_known(std::string_view key) {
  return key == kNetwork || key == kSubnet || key == kIpv6Network || key == kIpv6Subnet || key == kMtu ||
         key == kIpMasq;
}

IpNet parse_net(std::string_view text, Family family) {
  const auto net = IpNet::parse(text);
  if (!net)
    throw ParseError("'" + std::string(text.substr(0, 64)) + "' is not a network such as " +
                     (family == Family::v4 ? "10.244.1.1/24" : "fd00:10:244:1::1/64"));
  if (net->address.family() != family)
    throw ParseError("'" + net->str() + "' is not of the family that this key holds");
  return *net;
}

std::vector<IpNet> parse_networks(std::string_view text, Family family) {
  std::vector<IpNet> networks;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const IpNet network = parse_net(trim(text.substr(at, end - at)), family).network();
    if (std::find(networks.begin(), networks.end(), network) == networks.end()) networks.push_back(network);
    at = end + 1;
  }
  return networks;
}

uint32_t parse_mtu(std::string_view text) {
  uint32_t mtu = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mtu);
  if (error != std::errc{} || end != text.data() + text.size())
    throw ParseError("'" + std::string(text.substr(0, 64)) + "' is not a number of bytes");
  if (mtu > 65535) throw ParseError("'" + std::string(text) + "' is more than the largest MTU, 65535");
  return mtu;
}

/// The values of the known keys, the last of each.
std::map<std::string_view, std::string_view> split_lines(std::string_view text, const std::string& path) {
  std::map<std::string_view, std::string_view> values;
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = trim(text.substr(at, end - at));
    at = end + 1;
    ++number;
    const size_t equals = line.find('=');
    const std::string_view key = trim(line.substr(0, equals));
    if (!is_known(key)) continue;
    if (equals == std::string_view::npos)
      throw ParseError(path + " line " + std::to_string(number) + ": '" + std::string(key) +
                       "' has no '=' and no value");
    values[key] = trim(line.substr(equals + 1));
  }
  return values;
}

/// Upstream's order and rule: either family will do for networks and for subnets.
void check_complete(const std::map<std::string_view, std::string_view>& values, const std::string& path) {
  std::string missing;
  const auto add = [&](const char* key) { missing.append(missing.empty() ? "" : ", ").append(key); };
  if (!values.count(kNetwork) && !values.count(kIpv6Network)) add(kNetwork), add(kIpv6Network);
  if (!values.count(kSubnet) && !values.count(kIpv6Subnet)) add(kSubnet), add(kIpv6Subnet);
  if (!values.count(kMtu)) add(kMtu);
  if (!values.count(kIpMasq)) add(kIpMasq);
  if (!missing.empty()) throw ParseError(path + " is missing " + missing);
}

void check_families(const SubnetEnv& env, const std::string& path) {
  if (env.networks.empty() != !env.subnet || env.ipv6_networks.empty() != !env.ipv6_subnet)
    throw ParseError(path +
                     ": a network and a subnet of one family belong together; one of the two is missing");
}

template <class List>
std::string join(const List& list) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ",") + item.str();
  return text;
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
      throw ParseError(path + ": " + std::string(key) + ": " + error.what());
    }
  }
  check_families(env, path);
  return env;
}

std::string SubnetEnv::format() const {
  std::string text;
  const auto line = [&](const char* key, const std::string& value) {
    text.append(key).append("=").append(value).append("\n");
  };
  if (subnet) {
    line(kNetwork, join(networks));
    line(kSubnet, subnet->str());
  }
  if (ipv6_subnet) {
    line(kIpv6Network, join(ipv6_networks));
    line(kIpv6Subnet, ipv6_subnet->str());
  }
  line(kMtu, std::to_string(mtu));
  line(kIpMasq, ip_masq ? "true" : "false");
  return text;
}

}  // namespace flannel
