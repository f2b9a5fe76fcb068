#include "cni-flannel/bridge/bridge_delegate.h"
#include "cni-flannel/conf.h"
#include "cni-flannel/scratch_store.h"
#include "cni-flannel/verbs.h"
#include "common/cni/delegate.h"
#include "common/cni/error.h"

namespace flannel {

void check(const cni::Request& request) {
  const FlannelConf conf = parse_flannel_conf(request);
  auto stored = ScratchStore(conf.data_dir, request.network).load(request.attachment);
  if (!stored)
    throw cni::Error(
        cni::ErrorCode::check_failed,
        "no scratch file of container '" + request.attachment.container_id + "', interface '" +
            request.attachment.ifname + "' in '" + conf.data_dir + "'",
        "flannel did not make this attachment, or its file was removed; the pod has to be made anew");
  // The stored configuration is ADD's; only what it made of it comes with the call.
  json::Value config = std::move(*stored);
  if (const json::Value* result = json::find(request.config, "prevResult")) config["prevResult"] = *result;
  const std::string type = delegate_type_of(config);
  if (type == kBuiltInDelegate) {
    verify(request.with_config(config), Ipam::stored(ipam_type_of(config)));
  } else {
    cni::run_delegate(type, "CHECK", request.with_config(config));
  }
}

}  // namespace flannel
