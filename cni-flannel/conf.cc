#include "cni-flannel/conf.h"

#include <fmt/format.h>

#include <algorithm>

#include "cni-flannel/pod/ipam.h"
#include "cni-flannel/ranges.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

using cni::Error;
using cni::ErrorCode;

constexpr const char* kDefaultDataDir = "/var/lib/cni/flannel";
/// Upstream's name for the store format. Ours is the same store, so what is written to disk keeps
/// this name and upstream's binaries can undo what we made.
constexpr const char* kDefaultIpam = "host-local";
constexpr size_t kMaxSubnetFileBytes = 64 << 10;

void set_default(json::Value& object, const char* key, const json::Value& value) {
  if (!json::find(object, key)) object[key] = value;
}

PluginTypes parse_types(const json::Value& delegate, std::string_view where, const json::Value& ipam) {
  PluginTypes types;
  if (const std::string type = json::get_string(delegate, "type", where); !type.empty())
    types.delegate = type;
  types.ipam = json::get_string(ipam, "type", "ipam");
  return types;
}

/// `routes` as written, and one for each network of the cluster that they do not have.
json::Value render_routes(const json::Value& ipam, const SubnetEnv& env) {
  json::Value routes = json::get_array(ipam, "routes", "ipam");
  std::vector<base::IpNet> present;
  for (const json::Value& route : routes)
    present.push_back(cni::parse_route(route, "ipam.routes").dst.network());
  for (const auto* networks : {&env.networks, &env.ipv6_networks})
    for (const base::IpNet& network : *networks)
      if (std::find(present.begin(), present.end(), network) == present.end())
        routes.push_back({{"dst", network.str()}});
  return routes;
}

json::Value render_ipam(const FlannelConf& conf, const SubnetEnv& env) {
  json::Value ipam = conf.ipam;
  set_default(ipam, "type", kDefaultIpam);
  // Another plugin has its own idea of these keys, and gets the ranges as upstream has them.
  const bool is_of_our_store = Ipam::is_of_our_store(conf.types.ipam);
  json::Value ranges = render_ranges(is_of_our_store ? conf.ipam : json::Value::object(), env);
  json::erase(ipam, "ranges");
  if (is_of_our_store)
    for (const char* key : {"subnet", "rangeStart", "rangeEnd", "gateway", "reserved"})
      json::erase(ipam, key);
  ipam["ranges"] = std::move(ranges);
  json::Value routes = render_routes(conf.ipam, env);
  json::erase(ipam, "routes");
  ipam["routes"] = std::move(routes);
  return ipam;
}

}  // namespace

bool is_built_in(const std::string& type) { return type == kBridgeDelegate || type == kPtpDelegate; }

FlannelConf parse_flannel_conf(const cni::Request& request) {
  const json::Value& config = request.config;
  FlannelConf conf;
  conf.subnet_file = json::get_string(config, "subnetFile", "");
  conf.data_dir = json::get_string(config, "dataDir", "");
  if (conf.subnet_file.empty()) conf.subnet_file = kDefaultSubnetFile;
  if (conf.data_dir.empty()) conf.data_dir = kDefaultDataDir;
  conf.delegate = json::get_object(config, "delegate", "");
  conf.ipam = json::get_object(config, "ipam", "");
  if (const json::Value& runtime = json::get_object(config, "runtimeConfig", ""); !runtime.empty())
    conf.runtime_config = runtime;
  if (json::find(conf.delegate, "name"))
    throw Error(ErrorCode::invalid_config, "'delegate' must not have 'name'",
                "the network's own name is used; remove the key");
  if (json::find(conf.delegate, "ipam"))
    throw Error(ErrorCode::invalid_config, "'delegate' must not have 'ipam'",
                "put the keys into 'ipam' at the top level");
  conf.types = parse_types(conf.delegate, "delegate", conf.ipam);
  return conf;
}

SubnetEnv load_subnet_env(const std::string& path) {
  const auto text = base::read_file(path, kMaxSubnetFileBytes);
  if (!text)
    throw Error(ErrorCode::try_again_later,
                fmt::format("load subnet file: open {}: no such file or directory", path),
                "flanneld writes this file when it has leased a subnet for the node; check that flanneld "
                "runs here, and its log");
  try {
    return SubnetEnv::parse(*text, path);
  } catch (const base::ParseError& error) {
    throw Error(ErrorCode::decoding_failure, fmt::format("load subnet file: {}", error.what()),
                "flanneld writes this file; restart it to have it written anew, and check its log");
  }
}

json::Value render_without_subnet(const FlannelConf& conf, const cni::Request& request) {
  json::Value rendered = conf.delegate;
  rendered["name"] = request.network;
  if (const std::string version = json::get_string(request.config, "cniVersion", ""); !version.empty())
    rendered["cniVersion"] = version;
  if (!conf.runtime_config.is_null()) rendered["runtimeConfig"] = conf.runtime_config;
  set_default(rendered, "type", kBridgeDelegate);
  rendered["ipam"] = conf.ipam;
  set_default(rendered["ipam"], "type", kDefaultIpam);
  return rendered;
}

json::Value render_delegate(const FlannelConf& conf, const SubnetEnv& env, const cni::Request& request) {
  json::Value rendered = render_without_subnet(conf, request);
  set_default(rendered, "ipMasq", !env.ip_masq);
  set_default(rendered, "mtu", env.mtu);
  if (conf.types.delegate == kBridgeDelegate) set_default(rendered, "isGateway", true);
  rendered["ipam"] = render_ipam(conf, env);
  return rendered;
}

PluginTypes types_of(const json::Value& config) {
  return parse_types(config, "", json::get_object(config, "ipam", ""));
}

}  // namespace flannel
