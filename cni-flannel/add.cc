#include "cni-flannel/bridge/bridge_delegate.h"
#include "cni-flannel/bridge/container.h"
#include "cni-flannel/conf.h"
#include "cni-flannel/scratch_store.h"
#include "cni-flannel/verbs.h"
#include "common/base/rollback.h"
#include "common/cni/delegate.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

netlink::Netns open_netns(const cni::Request& request) {
  auto [state, netns] = netlink::Netns::look_up(request.netns);
  switch (state) {
    case netlink::Netns::State::present:
      break;
    case netlink::Netns::State::absent:
      throw cni::Error(cni::ErrorCode::invalid_netns, "CNI_NETNS '" + request.netns + "' does not exist",
                       "nothing was changed; the runtime makes the namespace before it calls ADD");
    case netlink::Netns::State::not_a_namespace:
      throw cni::Error(cni::ErrorCode::invalid_netns,
                       "CNI_NETNS '" + request.netns + "' is not a network namespace",
                       "nothing was changed; it may be a file that an earlier boot left");
  }
  return std::move(*netns);
}

/// The delegate's answer, unchanged. When it fails it is asked to clean up (CNI spec section 4).
json::OrderedValue add_by_program(const std::string& type, const cni::Request& request,
                                  const netlink::Netns& netns) {
  netlink::NetlinkSocket pod = netlink::NetlinkSocket::open_in(netns);
  check_ifname_free(pod, request.attachment);
  cni::find_plugin(type, request);  // absent: then there is nothing to clean up either
  try {
    return cni::run_delegate(type, "ADD", request);
  } catch (...) {
    const cni::Error failure = cni::current_error();
    try {
      cni::run_delegate(type, "DEL", request);
    } catch (...) {
      throw cni::Error(failure.code(), failure.what(),
                       failure.details() + "; and its DEL failed: " + one_line(cni::current_error()));
    }
    throw cni::Error(failure.code(), failure.what(), failure.details());
  }
}

}  // namespace

json::OrderedValue add(const cni::Request& request) {
  const FlannelConf conf = parse_flannel_conf(request);
  const json::Value rendered = render_delegate(conf, load_subnet_env(conf.subnet_file), request);
  const cni::Request delegated = request.with_config(rendered);
  const netlink::Netns netns = open_netns(request);

  // DEL goes by this file, so it is there before anything else is.
  ScratchStore scratch(conf.data_dir, request.network);
  scratch.take_back_dead({});
  base::Rollback undo;
  const bool saved = scratch.save(request.attachment, rendered);
  if (saved) undo.push([&] { scratch.remove(request.attachment); });
  json::OrderedValue result;
  if (conf.delegate_type() == kBuiltInDelegate) {
    result = attach(delegated, Ipam::configured(conf.ipam_type(), request), netns).to_json(request.version);
  } else {
    result = add_by_program(conf.delegate_type(), delegated, netns);
  }
  // A file of a killed ADD or of a namespace that died without DEL: this attachment replaces it.
  if (!saved) {
    undo.push([&] { tear_down(request, rendered); });
    scratch.replace(request.attachment, rendered);
  }
  undo.commit();
  return result;
}

}  // namespace flannel
