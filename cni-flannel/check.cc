#include <fmt/format.h>

#include "cni-flannel/conf.h"
#include "cni-flannel/delegate.h"
#include "cni-flannel/extras.h"
#include "cni-flannel/scratch_store.h"
#include "cni-flannel/verbs.h"
#include "common/cni/error.h"

namespace flannel {

void check(const cni::Request& request) {
  const FlannelConf conf = parse_flannel_conf(request);
  auto stored = ScratchStore(conf.data_dir, request.network).load(request.attachment);
  if (!stored)
    throw cni::Error(
        cni::ErrorCode::check_failed,
        fmt::format("no scratch file of container '{}', interface '{}' in '{}'",
                    request.attachment.container_id, request.attachment.ifname, conf.data_dir),
        "flannel did not make this attachment, or its file was removed; the pod has to be made anew");
  // The stored configuration is ADD's; only what it made of it comes with the call.
  json::Value config = std::move(*stored);
  if (const json::Value* result = json::find(request.config, "prevResult")) config["prevResult"] = *result;
  Delegate::for_existing(types_of(config), conf.types, request)->check(request.with_config(config));
  if (!is_built_in(types_of(config).delegate)) return;
  const Extras extras = Extras::parse(request);
  if (const auto result = extras.any() ? request.prev_result() : std::nullopt)
    check_extras(request, extras, *result);
}

}  // namespace flannel
