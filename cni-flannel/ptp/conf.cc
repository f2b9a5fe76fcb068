#include "cni-flannel/ptp/conf.h"

#include <fmt/format.h>

#include "common/cni/error.h"

namespace flannel::ptp {
namespace {

/// Of a pod that is more than one host: its other addresses have to be found by others, which takes a bridge.
constexpr const char* kOfBridges[] = {"allowNestedMacs", "allowedSources", "allowAnySource"};

bool is_asked_for(const json::Value& config, const char* key) {
  const json::Value* value = json::find(config, key);
  return value && !value->is_null() && *value != false && !value->empty();
}

}  // namespace

PodConf parse_conf(const cni::Request& request) {
  for (const char* key : kOfBridges)
    if (is_asked_for(request.config, key))
      throw cni::Error(cni::ErrorCode::unsupported_field,
                       fmt::format("unsupported field 'delegate.{}': a pod of type ptp has its own addresses "
                                   "alone",
                                   key),
                       "remove the key, or use the bridge for such pods (delegate.type)");
  PodConf conf = parse_pod_conf(request);
  conf.is_gateway = true;
  return conf;
}

}  // namespace flannel::ptp
