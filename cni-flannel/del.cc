#include "cni-flannel/bridge/bridge_delegate.h"
#include "cni-flannel/conf.h"
#include "cni-flannel/scratch_store.h"
#include "cni-flannel/verbs.h"
#include "common/cni/delegate.h"
#include "common/cni/error.h"
#include "common/cni/version.h"

namespace flannel {
namespace {

/// `request` as the stored configuration `config` describes the attachment: its network and version.
cni::Request stored_request(const cni::Request& request, const json::Value& config) {
  cni::Request stored = request.with_config(config);
  if (const std::string name = json::get_string(config, "name", ""); cni::is_valid_identifier(name))
    stored.network = name;
  if (const std::string version = json::get_string(config, "cniVersion", ""); cni::is_supported(version))
    stored.version = version;
  return stored;
}

}  // namespace

void tear_down(const cni::Request& request, const json::Value& config) {
  const cni::Request stored = stored_request(request, config);
  const std::string type = delegate_type_of(config);
  if (type == kBuiltInDelegate) {
    detach(stored, Ipam::stored(ipam_type_of(config)));
  } else {
    cni::run_delegate(type, "DEL", stored);
  }
}

void del(const cni::Request& request) {
  const FlannelConf conf = parse_flannel_conf(request);
  ScratchStore scratch(conf.data_dir, request.network);
  if (const auto stored = scratch.load(request.attachment)) {
    tear_down(request, *stored);
  } else if (conf.delegate_type() == kBuiltInDelegate) {
    // Never added, removed before, or the file is lost: what the configuration tells is enough to
    // find what may be left.
    tear_down(request, render_without_subnet(conf, request));
  }
  scratch.remove(request.attachment);
}

}  // namespace flannel
