#include "cni-flannel/firewall/conf.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/json/json.h"

namespace flannel::firewall {
namespace {

using cni::Error;
using cni::ErrorCode;

constexpr const char* kDefaultAdminChain = "CNI-ADMIN";
constexpr const char* kDefaultZone = "trusted";
constexpr size_t kMaxChainName = 28;  // XT_EXTENSION_MAXNAMELEN - 1
constexpr size_t kShown = 64;

/// Any other name is left to the plugin, as in the reference.
Backend parse_backend(const std::string& text) {
  if (text == "iptables") return Backend::iptables;
  return text == "firewalld" ? Backend::firewalld : Backend::automatic;
}

IngressPolicy parse_policy(const std::string& text) {
  if (text.empty() || text == "open") return IngressPolicy::open;
  if (text == "same-bridge") return IngressPolicy::same_bridge;
  if (text == "isolated") return IngressPolicy::isolated;
  throw Error(
      ErrorCode::invalid_config,
      fmt::format("key 'ingressPolicy': unknown ingress policy {}", base::quoted(text.substr(0, kShown))),
      "it can be open, same-bridge or isolated");
}

/// It becomes a word of what iptables-restore reads.
std::string parse_chain(const std::string& text) {
  if (text.empty()) return kDefaultAdminChain;
  const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  if (!is_plain || text.size() > kMaxChainName || text.front() == '-')
    throw Error(ErrorCode::invalid_config,
                fmt::format("key 'iptablesAdminChainName': {} is no name of a chain",
                            base::quoted(text.substr(0, kShown))),
                fmt::format("it has 1 to {} letters, digits, '-', '_' and '.', and does not begin with '-'",
                            kMaxChainName));
  return text;
}

}  // namespace

Conf parse_conf(const cni::Request& request) {
  const std::string zone = json::get_string(request.config, "firewalldZone", "");
  return {.backend = parse_backend(json::get_string(request.config, "backend", "")),
          .policy = parse_policy(json::get_string(request.config, "ingressPolicy", "")),
          .zone = zone.empty() ? kDefaultZone : zone,
          .admin_chain = parse_chain(json::get_string(request.config, "iptablesAdminChainName", ""))};
}

std::vector<base::IpAddress> addresses_of(const cni::Result& result) {
  std::vector<base::IpAddress> addresses;
  for (const cni::IpConfig& ip : result.ips)
    if (std::find(addresses.begin(), addresses.end(), ip.address.address) == addresses.end())
      addresses.push_back(ip.address.address);
  return addresses;
}

std::string bridge_of(const cni::Result& result) {
  constexpr const char* kAdvice = "'ingressPolicy' needs a bridge: chain firewall behind the plugin bridge";
  if (result.interfaces.empty())
    throw Error(ErrorCode::invalid_config, "prevResult has no interface", kAdvice);
  const std::string& name = result.interfaces.front().name;
  if (const std::string problem = cni::ifname_problem(name); !problem.empty())
    throw Error(ErrorCode::invalid_config,
                fmt::format("the first interface of prevResult is {}: {}",
                            base::quoted(name.substr(0, kShown)), problem),
                kAdvice);
  return name;
}

}  // namespace flannel::firewall
