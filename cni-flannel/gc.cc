#include <algorithm>

#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/bridge/plan.h"
#include "cni-flannel/conf.h"
#include "cni-flannel/filter/mac_spoof_check.h"
#include "cni-flannel/filter/masquerade.h"
#include "cni-flannel/bridge/ipam.h"
#include "cni-flannel/scratch_store.h"
#include "cni-flannel/verbs.h"
#include "common/cni/delegate.h"
#include "common/cni/error.h"
#include "common/netlink/link.h"

namespace flannel {
namespace {

using Attachments = std::vector<cni::Attachment>;

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
    attempts.run("clean up after container '" + attachment.container_id + "'", [&] {
      const auto config = scratch.load(attachment);
      if (config && json::get_string(*config, "name", "") != request.network) return;  // of another network
      cni::Request dead = request;
      dead.attachment = attachment;
      dead.netns.clear();
      if (config) tear_down(dead, *config);
      scratch.remove(attachment);
    });
  }
}

/// Ports of the bridge that carry our mark and no valid attachment's name.
void collect_ports(const cni::Request& request, const std::string& bridge_name, const Attachments& valid) {
  netlink::NetlinkSocket node = netlink::NetlinkSocket::open();
  const auto bridge = netlink::find_link(node, bridge_name);
  if (!bridge || bridge->kind != "bridge") return;
  std::vector<std::string> keep;
  keep.reserve(valid.size());
  for (const cni::Attachment& attachment : valid) keep.push_back(link_alias(request.network, attachment));
  for (const netlink::Link& port : netlink::ports_of(node, bridge->ifindex))
    if (port.alias.starts_with(request.network + "/") &&
        std::find(keep.begin(), keep.end(), port.alias) == keep.end())
      netlink::remove_link(node, port.name);
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
  if (conf.delegate_type() != kBuiltInDelegate) {
    attempts.run("GC of delegate '" + conf.delegate_type() + "'",
                 [&] { cni::run_delegate(conf.delegate_type(), "GC", delegated); });
    attempts.throw_if_any();
    return;
  }
  const BridgeConf bridge = parse_bridge_conf(delegated);
  attempts.run("remove ports of bridge '" + bridge.bridge + "'",
               [&] { collect_ports(request, bridge.bridge, valid); });
  attempts.run("GC of addresses", [&] { Ipam::stored(conf.ipam_type()).gc(delegated); });
  attempts.run("remove masquerade rules",
               [&] { collect_masquerade(bridge.masquerade_backend, request.network, valid); });
  attempts.run("remove the rules of 'macspoofchk'", collect_mac_spoof_check);
  attempts.throw_if_any();
}

}  // namespace flannel
