// The configuration of the `flannel` plugin and what it becomes together with subnet.env: the
// configuration of the delegate. Only load_subnet_env() reads a file.
#pragma once

#include <string>

#include "common/cni/request.h"
#include "common/flannel/subnet_env.h"

namespace flannel {

// The built-in delegates; any other type is a program in CNI_PATH.
inline constexpr const char* kBridgeDelegate = "bridge";
inline constexpr const char* kPtpDelegate = "ptp";
/// Whether `type` names one of them.
bool is_built_in(const std::string& type);

/// Which plugins make an attachment.
struct PluginTypes {
  std::string delegate = kBridgeDelegate;
  std::string ipam;  ///< empty: not given
};

/// What flannel itself reads is parsed; what it passes on to other plugins stays as written.
struct FlannelConf {
  std::string subnet_file;     ///< `subnetFile`, path of subnet.env
  std::string data_dir;        ///< `dataDir`, directory of the scratch files
  PluginTypes types;           ///< `delegate.type` and `ipam.type`
  json::Value delegate;        ///< `delegate` as written; an object
  json::Value ipam;            ///< `ipam` as written; an object
  json::Value runtime_config;  ///< `runtimeConfig`; null when absent
};

/// Throws cni::Error: decoding_failure for wrong types, invalid_config for forbidden keys.
FlannelConf parse_flannel_conf(const cni::Request& request);

/// Reads and parses subnet.env. Throws cni::Error: try_again_later when the file is absent,
/// decoding_failure when it is malformed.
SubnetEnv load_subnet_env(const std::string& path);

/// The delegate's configuration, by upstream's rules of precedence (keys sorted, as it is stored).
json::Value render_delegate(const FlannelConf& conf, const SubnetEnv& env, const cni::Request& request);

/// The same as far as it goes without subnet.env: enough to take an attachment down.
json::Value render_without_subnet(const FlannelConf& conf, const cni::Request& request);

/// The types in a delegate configuration, rendered or stored.
PluginTypes types_of(const json::Value& config);

}  // namespace flannel
