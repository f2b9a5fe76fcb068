#include "flanneld/commands/running_agent.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "common/base/error.h"
#include "flanneld/io/http_get.h"
#include "flanneld/options/flags.h"

namespace flanneld {
namespace {

constexpr std::chrono::seconds kAskLimit(2);
constexpr size_t kMostPeers = 1000;
constexpr const char* kSubnetFile = "subnet-file";

FlagValues flags_of(const json::Value& status) {
  FlagValues flags;
  for (const auto& [name, texts] : json::get_object(status, "flags", "").items()) {
    FlagValue value{{}, fmt::format("the agent's --{}", name)};
    for (const json::Value& text : texts)
      if (text.is_string()) value.values.push_back(text.get<std::string>());
    if (find_flag(name) && !value.values.empty()) flags.emplace(name, std::move(value));
  }
  return flags;
}

}  // namespace

std::optional<json::Value> ask_agent(const Options& options) {
  if (!options.status_listen) return std::nullopt;
  const std::string url = fmt::format("http://{}/status", *options.status_listen);
  const HttpResult answer = http_get(url, kAskLimit);
  if (answer.status != 200) return std::nullopt;
  try {
    json::Value status = json::parse(answer.body, url);
    flags_of(status);
    return status;
  } catch (const base::ParseError&) {
    return std::nullopt;
  }
}

std::optional<std::string> find_other_subnet_file(const Options& options, const json::Value& status) {
  if (!options.flags.contains(kSubnetFile)) return std::nullopt;
  const FlagValues flags = flags_of(status);
  const auto found = flags.find(kSubnetFile);
  const std::string used =
      found == flags.end() ? find_flag(kSubnetFile)->default_value : found->second.text();
  return used == options.subnet_file ? std::nullopt : std::optional(used);
}

Options with_flags_of(const Options& options, const std::optional<json::Value>& status) {
  if (!status || find_other_subnet_file(options, *status)) return options;
  try {
    return complete_options(options, flags_of(*status));
  } catch (const UsageError&) {
    return options;
  }
}

std::vector<base::IpAddress> peer_addresses(const json::Value& status) {
  std::vector<base::IpAddress> addresses;
  try {
    for (const json::Value& peer : json::get_array(status, "peers", ""))
      if (const auto address = json::get_address(peer, "publicIP", "peers");
          address && address->is_v4() && addresses.size() < kMostPeers)
        addresses.push_back(*address);
  } catch (const base::ParseError&) {
    return addresses;
  }
  return addresses;
}

std::optional<ExternalInterface> interface_of(const json::Value& status, const HostNetwork& host) {
  try {
    const json::Value& used = json::get_object(status, "interface", "");
    ExternalInterface external;
    external.name = json::get_string(used, "name", "");
    external.rule = json::get_string(used, "rule", "");
    for (auto [key, address] : {std::pair("ipv4", &external.ipv4), std::pair("ipv6", &external.ipv6)})
      *address = base::IpAddress::parse(json::get_string(used, key, ""));
    for (const HostInterface& one : host.interfaces)
      if (one.name == external.name) external.ifindex = one.ifindex;
    return external.ifindex == 0 ? std::nullopt : std::optional(external);
  } catch (const base::ParseError&) {
    return std::nullopt;
  }
}

}  // namespace flanneld
