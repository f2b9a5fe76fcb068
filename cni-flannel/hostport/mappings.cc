#include "cni-flannel/hostport/mappings.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>

#include "cni-flannel/hostport/conditions.h"
#include "common/base/text.h"
#include "common/cni/error.h"

namespace flannel::hostport {
namespace {

using base::Family;
using cni::Error;
using cni::ErrorCode;

constexpr size_t kMostMappings = 1024;
constexpr const char* kWhere = "runtimeConfig.portMappings";

struct Protocol {
  const char* name;
  uint8_t number;
};
constexpr Protocol kProtocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};

uint16_t parse_port(const json::Value& object, const char* key, const char* which) {
  const auto port = json::get_integer(object, key, kWhere, INT64_MIN, INT64_MAX).value_or(0);
  if (port < 1 || port > UINT16_MAX)
    throw Error(ErrorCode::invalid_config, fmt::format("Invalid {} port number: {}", which, port),
                fmt::format("'{}' in {} is from 1 to 65535", key, kWhere));
  return static_cast<uint16_t>(port);
}

uint8_t parse_protocol(const json::Value& object) {
  const std::string text = base::lower(json::get_string(object, "protocol", kWhere));
  if (text.empty()) return IPPROTO_TCP;
  for (const Protocol& one : kProtocols)
    if (text == one.name) return one.number;
  throw Error(ErrorCode::invalid_config,
              fmt::format("{}: protocol {} is none of tcp, udp and sctp", kWhere, base::quoted(text)));
}

std::optional<base::IpAddress> parse_host_ip(const json::Value& object) {
  const std::string text = json::get_string(object, "hostIP", kWhere);
  if (text.empty()) return std::nullopt;
  const auto address = base::IpAddress::parse(text);
  if (!address)
    throw Error(ErrorCode::invalid_config,
                fmt::format("{}: hostIP {} is no address", kWhere, base::quoted(text)));
  return address;
}

Mapping parse_mapping(const json::Value& object) {
  if (!object.is_object())
    throw Error(ErrorCode::decoding_failure, fmt::format("{} must be a list of objects", kWhere));
  return {.protocol = parse_protocol(object),
          .host_port = parse_port(object, "hostPort", "host"),
          .container_port = parse_port(object, "containerPort", "container"),
          .host_ip = parse_host_ip(object)};
}

std::vector<Mapping> parse_mappings(const cni::Request& request) {
  std::vector<Mapping> mappings;
  const json::Value& runtime = json::get_object(request.config, "runtimeConfig", "");
  const json::Value& list = json::get_array(runtime, "portMappings", "runtimeConfig");
  if (list.size() > kMostMappings)
    throw Error(ErrorCode::invalid_config, fmt::format("{} has {} entries; more than {} are not served",
                                                       kWhere, list.size(), kMostMappings));
  for (const json::Value& item : list) {
    // Each is wanted once, however often it is written.
    const Mapping mapping = parse_mapping(item);
    if (std::find(mappings.begin(), mappings.end(), mapping) == mappings.end()) mappings.push_back(mapping);
  }
  return mappings;
}

/// Keys of the reference's way by iptables: accepted and checked. No mark is needed here.
void check_iptables_keys(const json::Value& config) {
  const std::string backend = json::get_string(config, "backend", "");
  if (!backend.empty() && backend != "iptables" && backend != "nftables")
    throw Error(ErrorCode::invalid_config, fmt::format("unrecognized backend {}", base::quoted(backend)),
                "it is iptables or nftables; the rules are made in nf_tables either way");
  const auto bit = json::get_integer(config, "markMasqBit", "", INT64_MIN, INT64_MAX);
  if (bit && (*bit < 0 || *bit > 31))
    throw Error(ErrorCode::invalid_config, "MasqMarkBit must be between 0 and 31",
                fmt::format("'markMasqBit' is {}", *bit));
  if (bit && !json::get_string(config, "externalSetMarkChain", "").empty())
    throw Error(ErrorCode::invalid_config, "Cannot specify externalSetMarkChain and markMasqBit");
}

}  // namespace

std::string Mapping::str() const {
  const auto* const name = std::find_if(std::begin(kProtocols), std::end(kProtocols),
                                        [&](const Protocol& one) { return one.number == protocol; });
  return fmt::format("{} port {}{}", name->name, host_port, host_ip ? fmt::format(" of {}", *host_ip) : "");
}

std::vector<Mapping> Conf::mappings_for(Family family) const {
  std::vector<Mapping> chosen;
  for (Mapping one : mappings) {
    if (one.host_ip && one.host_ip->family() != family) continue;
    if (one.host_ip && one.host_ip->is_unspecified()) one.host_ip.reset();
    chosen.push_back(one);
  }
  return chosen;
}

Conf parse_conf(const cni::Request& request) {
  const json::Value& config = request.config;
  check_iptables_keys(config);
  return {.mappings = parse_mappings(request),
          .snat = json::get_bool(config, "snat", "", true),
          .masq_all = json::get_bool(config, "masqAll", ""),
          .conditions_v4 = parse_conditions(config, "conditionsV4", Family::v4),
          .conditions_v6 = parse_conditions(config, "conditionsV6", Family::v6)};
}

std::vector<base::IpAddress> pod_addresses(const cni::Request& request, const cni::Result& result) {
  std::vector<base::IpAddress> addresses;
  for (const Family family : base::kFamilies)
    for (const cni::IpConfig& ip : result.ips) {
      if (ip.address.address.family() != family) continue;
      const auto place = ip.interface ? static_cast<size_t>(*ip.interface) : result.interfaces.size();
      if (place < result.interfaces.size()) {
        const cni::Interface& interface = result.interfaces[place];
        if (interface.name != request.attachment.ifname || interface.sandbox.empty()) continue;
      }
      addresses.push_back(ip.address.address);
      break;
    }
  return addresses;
}

}  // namespace flannel::hostport
