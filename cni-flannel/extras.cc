#include "cni-flannel/extras.h"

#include <algorithm>

#include "cni-flannel/bandwidth/shaping.h"
#include "cni-flannel/hostport/forwarding.h"
#include "common/cni/error.h"
#include "common/netlink/link.h"

namespace flannel {
namespace {

/// The link that the delegate has made on the host for the pod: the first veth that the result names there.
netlink::Link find_host_end(netlink::NetlinkSocket& host, const cni::Result& result) {
  for (const cni::Interface& one : result.interfaces)
    if (one.sandbox.empty())
      if (auto link = netlink::find_link(host, one.name); link && link->kind == "veth")
        return std::move(*link);
  throw cni::Error(cni::ErrorCode::conflict, "the host's end of the pod's interface is gone",
                   "somebody has removed it; the runtime makes the pod anew");
}

bool has_capability(const cni::Request& request, const char* name) {
  return json::get_bool(json::get_object(request.config, "capabilities", ""), name, "capabilities");
}

}  // namespace

Extras Extras::parse(const cni::Request& request) {
  return {.ports = hostport::parse_conf(request), .limits = bandwidth::parse_runtime_limits(request)};
}

void add_extras(const cni::Request& request, const Extras& extras, cni::Result& result) {
  if (!extras.ports.mappings.empty())
    hostport::open_ports(extras.ports, request.network, request.attachment,
                         hostport::pod_addresses(request, result));
  if (!extras.limits.any()) return;
  auto host = netlink::NetlinkSocket::open();
  bandwidth::shape(host, find_host_end(host, result), bandwidth::ifb_name(request), extras.limits, result);
}

bool asks_for_extras(const json::Value& config) {
  const json::Value& runtime = json::get_object(config, "runtimeConfig", "");
  return json::find(runtime, "portMappings") || json::find(runtime, "bandwidth");
}

std::optional<netlink::NetlinkSocket> remove_ports(const cni::Request& request) {
  if (!json::find(json::get_object(request.config, "runtimeConfig", ""), "portMappings")) return std::nullopt;
  return hostport::close_ports(request.network, request.attachment);
}

void remove_limits(const cni::Request& request) {
  if (!bandwidth::parse_runtime_limits(request).any()) return;
  auto host = netlink::NetlinkSocket::open();
  bandwidth::unshape(host, bandwidth::ifb_name(request));
}

void check_extras(const cni::Request& request, const Extras& extras, const cni::Result& result) {
  if (!extras.ports.mappings.empty())
    hostport::check_ports(extras.ports, request.network, request.attachment,
                          hostport::pod_addresses(request, result));
  if (!extras.limits.any()) return;
  auto host = netlink::NetlinkSocket::open();
  bandwidth::check_shaping(host, find_host_end(host, result), bandwidth::ifb_name(request), extras.limits);
}

void collect_extras(const cni::Request& request) {
  const auto valid = request.valid_attachments();
  cni::Attempts attempts;
  if (has_capability(request, "portMappings"))
    attempts.run("close host ports", [&] { hostport::collect_ports(request.network, valid); });
  if (has_capability(request, "bandwidth"))
    attempts.run("remove limits", [&] {
      auto host = netlink::NetlinkSocket::open();
      bandwidth::collect_ifbs(host, request.network, valid);
    });
  attempts.throw_if_any();
}

void check_extras_available(const cni::Request& request) {
  static_cast<void>(Extras::parse(request));
  if (has_capability(request, "portMappings")) hostport::check_available();
}

}  // namespace flannel
