// The configuration of the `flannel` plugin and what it becomes together with subnet.env: the
// configuration of the delegate. All of it is pure but load_subnet_env().
#pragma once

#include <string>

#include "common/cni/request.h"
#include "common/flannel/subnet_env.h"

namespace flannel {

/// The built-in delegate; any other type is a program in CNI_PATH.
inline constexpr const char* kBuiltInDelegate = "bridge";

struct FlannelConf {
  std::string subnet_file;     ///< `subnetFile`, path of subnet.env
  std::string data_dir;        ///< `dataDir`, directory of the scratch files
  json::Value delegate;        ///< `delegate` as written; an object
  json::Value ipam;            ///< `ipam` as written; an object
  json::Value runtime_config;  ///< `runtimeConfig`; null when absent
  [[nodiscard]] std::string delegate_type() const;
  [[nodiscard]] std::string ipam_type() const;  ///< empty: not given
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

/// `type` of a rendered or stored delegate configuration, `bridge` when absent; and its `ipam.type`.
std::string delegate_type_of(const json::Value& config);
std::string ipam_type_of(const json::Value& config);

}  // namespace flannel
