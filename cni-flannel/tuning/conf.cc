#include "cni-flannel/tuning/conf.h"

#include <fmt/format.h>
#include <regex.h>

#include <algorithm>
#include <memory>

#include "common/base/text.h"
#include "common/cni/error.h"

namespace flannel::tuning {
namespace {

using cni::Error;
using cni::ErrorCode;

constexpr const char* kDefaultDataDir = "/run/cni/tuning";
constexpr int64_t kMaxMtu = 65535;
constexpr size_t kShown = 128;

base::MacAddress parse_mac(const std::string& text) {
  const auto mac = base::MacAddress::parse(text);
  if (!mac || (mac->bytes[0] & 1) != 0 || *mac == base::MacAddress{})
    throw Error(ErrorCode::invalid_config,
                fmt::format("MAC {} is not a unicast hardware address", base::quoted(text.substr(0, 64))),
                "it comes from the key 'mac', CNI_ARGS, runtimeConfig.mac or args.cni.mac");
  return *mac;
}

std::optional<bool> parse_flag(const json::Value& object, const char* key, const char* where) {
  if (!json::find(object, key)) return std::nullopt;
  return json::get_bool(object, key, where);
}

/// Takes what `object` has over what is there.
void take(Conf& conf, const json::Value& object, const char* where) {
  for (const auto& [key, value] : json::get_object(object, "sysctl", where).items()) {
    if (!value.is_string())
      throw Error(ErrorCode::decoding_failure,
                  fmt::format("key '{}' must be a string",
                              json::join_path(json::join_path(where, "sysctl"), key.substr(0, kShown))));
    conf.sysctls[key] = value.get<std::string>();
  }
  if (const std::string mac = json::get_string(object, "mac", where); !mac.empty()) conf.mac = parse_mac(mac);
  if (const auto mtu = json::get_integer(object, "mtu", where, 0, kMaxMtu); mtu && *mtu != 0)
    conf.mtu = static_cast<uint32_t>(*mtu);
  if (parse_flag(object, "promisc", where) == true) conf.link.promiscuous = true;
  if (const auto flag = parse_flag(object, "allmulti", where)) conf.link.all_multicast = flag;
  if (const auto length = json::get_integer(object, "txQLen", where, 0, UINT32_MAX))
    conf.link.queue_length = static_cast<uint32_t>(*length);
}

struct FreeRegex {
  void operator()(regex_t* regex) const {
    ::regfree(regex);
    delete regex;
  }
};

bool matches(const std::string& expression, const std::string& key) {
  auto compiled = std::make_unique<regex_t>();
  if (::regcomp(compiled.get(), expression.c_str(), REG_EXTENDED | REG_NOSUB) != 0)
    throw Error(ErrorCode::invalid_config,
                fmt::format("the list of allowed settings has {}, which is no regular expression",
                            base::quoted(expression.substr(0, kShown))));
  const std::unique_ptr<regex_t, FreeRegex> regex(compiled.release());
  return ::regexec(regex.get(), key.c_str(), 0, nullptr, 0) == 0;
}

}  // namespace

Conf parse_conf(const cni::Request& request) {
  Conf conf;
  take(conf, request.config, "");
  conf.data_dir = data_dir(request);
  auto arguments = cni::parse_args(request.args, {"MAC", "IP"});
  if (!arguments["MAC"].empty()) conf.mac = parse_mac(arguments["MAC"]);
  const json::Value& runtime = json::get_object(request.config, "runtimeConfig", "");
  if (const std::string mac = json::get_string(runtime, "mac", "runtimeConfig"); !mac.empty())
    conf.mac = parse_mac(mac);
  const json::Value& args = json::get_object(request.config, "args", "");
  take(conf, json::get_object(args, "cni", "args"), "args.cni");
  for (const auto& [key, value] : conf.sysctls) static_cast<void>(setting_name(key, "eth0"));
  return conf;
}

std::string data_dir(const cni::Request& request) {
  const std::string directory = json::get_string(request.config, "dataDir", "");
  return directory.empty() ? kDefaultDataDir : directory;
}

std::string setting_name(const std::string& key, const std::string& ifname) {
  constexpr std::string_view kInterface = "IFNAME", kRoom = "net/";
  std::string name = key;
  std::replace(name.begin(), name.end(), '.', '/');  // nor is there a ".." then
  name.erase(0, std::min(name.find_first_not_of('/'), name.size()));
  if (!name.starts_with(kRoom) || name.find('\0') != std::string::npos)
    throw Error(ErrorCode::invalid_config,
                fmt::format("invalid net sysctl key: {}", base::quoted(key.substr(0, kShown))),
                "only settings below net. are a pod's own");
  if (const size_t at = name.find(kInterface); at != std::string::npos)
    name.replace(at, kInterface.size(), ifname);
  return name;
}

void check_allowed(const Conf& conf, std::string_view allowed) {
  std::vector<std::string> expressions;
  for (size_t at = 0; at < allowed.size();) {
    const size_t end = std::min(allowed.find('\n', at), allowed.size());
    if (end > at) expressions.emplace_back(allowed.substr(at, end - at));
    at = end + 1;
  }
  for (const auto& [key, value] : conf.sysctls)
    if (std::none_of(expressions.begin(), expressions.end(),
                     [&key = key](const std::string& one) { return matches(one, key); }))
      throw Error(ErrorCode::invalid_config,
                  fmt::format("Sysctl {} is not allowed", base::quoted(key.substr(0, kShown))),
                  "the node's administrator allows settings in /etc/cni/tuning/allowlist.conf");
}

}  // namespace flannel::tuning
