#include <fmt/format.h>

#include <algorithm>

#include "cni-flannel/conf.h"
#include "cni-flannel/delegate.h"
#include "cni-flannel/extras.h"
#include "cni-flannel/scratch_store.h"
#include "cni-flannel/verbs.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

using Attachments = std::vector<cni::Attachment>;

/// Of an attachment whose scratch file upstream wrote, which does not name it; no plugin's DEL goes without.
constexpr const char* kUsualIfname = "eth0";

bool is_valid(const Attachments& valid, const cni::Attachment& attachment) {
  return std::any_of(valid.begin(), valid.end(), [&](const cni::Attachment& one) {
    // Upstream's scratch files do not name the interface: any valid attachment keeps them.
    return one.container_id == attachment.container_id &&
           (attachment.ifname.empty() || one.ifname == attachment.ifname);
  });
}

/// Attachments that ADD recorded and that are no longer valid: their delegate's DEL, without a
/// namespace, because that of a dead container may have been taken by another.
void collect_scratch(const cni::Request& request, const FlannelConf& conf, const Attachments& valid,
                     cni::Attempts& attempts) {
  ScratchStore scratch(conf.data_dir, request.network);
  for (const cni::Attachment& attachment : scratch.list()) {
    if (is_valid(valid, attachment)) continue;
    attempts.run(fmt::format("clean up after container '{}'", attachment.container_id), [&] {
      const auto config = scratch.load(attachment);
      // A torn file does not say of which network it is; DEL or the next boot takes it.
      if (!config || json::get_string(*config, "name", "") != request.network) return;
      cni::Request dead = request;
      dead.attachment = attachment;
      if (dead.attachment.ifname.empty()) dead.attachment.ifname = kUsualIfname;
      dead.netns.clear();
      tear_down(dead, conf.types, *config);
      scratch.remove(attachment);
    });
  }
}

/// The delegate's configuration with what GC adds to it.
json::Value render_for_gc(const cni::Request& request, const FlannelConf& conf) {
  json::Value config;
  try {
    config = render_delegate(conf, load_subnet_env(conf.subnet_file), request);
  } catch (...) {  // collecting needs no subnet
    config = render_without_subnet(conf, request);
  }
  for (const char* key : {"cni.dev/valid-attachments", "cni.dev/attachments"})
    if (const json::Value* list = json::find(request.config, key)) config[key] = *list;
  return config;
}

}  // namespace

void gc(const cni::Request& request) {
  const FlannelConf conf = parse_flannel_conf(request);
  const Attachments valid = request.valid_attachments();
  const cni::Request delegated = request.with_config(render_for_gc(request, conf));
  cni::Attempts attempts;
  collect_scratch(request, conf, valid, attempts);
  attempts.run(fmt::format("GC of delegate '{}'", conf.types.delegate),
               [&] { Delegate::for_add(conf.types, request)->gc(delegated); });
  if (is_built_in(conf.types.delegate))
    attempts.run("GC of what runtimes asked for", [&] { collect_extras(request); });
  attempts.throw_if_any();
}

}  // namespace flannel
