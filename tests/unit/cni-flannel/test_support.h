// Requests and subnet files of the flannel plugin's tests.
#pragma once

#include <string>

#include "cni-flannel/bridge/conf.h"
#include "common/cni/request.h"

namespace flannel_test {

inline const char* const kV4 =
    "FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.17.1/24\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n";
inline const char* const kTwoNetworks =
    "FLANNEL_NETWORK=10.1.0.0/16,192.168.0.0/16\nFLANNEL_SUBNET=10.1.17.1/24\nFLANNEL_MTU=1472\n"
    "FLANNEL_IPMASQ=true\n";
inline const char* const kV6 =
    "FLANNEL_IPV6_NETWORK=fc00::/48\nFLANNEL_IPV6_SUBNET=fc00::1/64\nFLANNEL_MTU=1472\n"
    "FLANNEL_IPMASQ=true\n";
inline const char* const kDual =
    "FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.17.1/24\nFLANNEL_IPV6_NETWORK=fc00::/48\n"
    "FLANNEL_IPV6_SUBNET=fc00::1/64\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n";

inline cni::Request request_for(const std::string& config) {
  cni::Request request;
  request.config = json::Value::parse(config);
  request.network = request.config.value("name", "cni-flannel");
  request.version = request.config.value("cniVersion", "0.1.0");
  return request;
}

inline flannel::BridgeConf bridge_conf(const std::string& config, const std::string& args = "") {
  cni::Request request = request_for(config);
  request.args = args;
  return flannel::parse_bridge_conf(request);
}

}  // namespace flannel_test
