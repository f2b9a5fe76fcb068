#include <functional>
#include <future>
#include <optional>
#include <system_error>

#include "cni-flannel/conf.h"
#include "cni-flannel/delegate.h"
#include "cni-flannel/extras.h"
#include "cni-flannel/scratch_store.h"
#include "cni-flannel/verbs.h"
#include "common/cni/error.h"
#include "common/cni/version.h"

namespace flannel {
namespace {

/// `request` as the stored configuration `config` describes the attachment: its network and version, or the
/// request's where the stored ones are none, so that every plugin can read them.
cni::Request stored_request(const cni::Request& request, const json::Value& config) {
  cni::Request stored = request.with_config(config);
  const auto adopt = [&](const char* key, std::string& own, bool (*is_valid)(std::string_view)) {
    const std::string value = json::get_string(config, key, "");
    if (value.empty()) return;
    if (is_valid(value)) {
      own = value;
    } else {
      json::erase(stored.config, key);
      stored.config[key] = own;
    }
  };
  adopt("name", stored.network, cni::is_valid_identifier);
  adopt("cniVersion", stored.version, cni::is_supported);
  return stored;
}

/// Runs the action in a thread of its own, or in get() where none can be had.
std::future<void> begin(const std::function<void()>& action) {
  try {
    return std::async(std::launch::async, action);
  } catch (const std::system_error&) {
    return std::async(std::launch::deferred, action);
  }
}

}  // namespace

void tear_down(const cni::Request& request, const PluginTypes& written, const json::Value& config) {
  const PluginTypes types = types_of(config);
  cni::Request stored = stored_request(request, config);
  // The built-in one knows by it the links of a pod that the reference made.
  const json::Value* result = json::find(request.config, "prevResult");
  if (result && is_built_in(types.delegate)) stored.config["prevResult"] = *result;
  const auto delegate = Delegate::for_existing(types, written, request);
  if (!is_built_in(types.delegate) || !asks_for_extras(config)) return delegate->del(stored);
  // What takes long is that the kernel waits for its readers: before each link is gone, and before the rules
  // are when the socket is closed. It does so for all of them at once when nobody waits for one before the
  // next.
  std::optional<netlink::NetlinkSocket> nft;
  cni::Attempts attempts;
  std::future<void> limits = begin([&] { remove_limits(stored); });
  attempts.run("close the pod's host ports", [&] { nft = remove_ports(stored); });
  attempts.run(fmt::format("DEL of delegate '{}'", types.delegate), [&] { delegate->del(stored); });
  attempts.run("remove the pod's limits", [&] { limits.get(); });
  attempts.throw_if_any();
}

void del(const cni::Request& request) {
  const FlannelConf conf = parse_flannel_conf(request);
  ScratchStore scratch(conf.data_dir, request.network);
  if (const auto stored = scratch.load(request.attachment)) {
    tear_down(request, conf.types, *stored);
  } else if (is_built_in(conf.types.delegate)) {
    // Never added, removed before, or the file is lost: what the configuration tells is enough to find what
    // may be left. host-local would need the ranges too, so flannel-ipam looks into their store.
    tear_down(request, PluginTypes{}, render_without_subnet(conf, request));
  }
  scratch.remove(request.attachment);
}

}  // namespace flannel
