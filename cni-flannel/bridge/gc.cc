// GC of the built-in delegate.
#include <fmt/format.h>

#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/bridge/protection.h"
#include "cni-flannel/bridge/verbs.h"
#include "cni-flannel/filter/mac_spoof_check.h"
#include "cni-flannel/filter/masquerade.h"
#include "cni-flannel/pod/host_veth.h"
#include "cni-flannel/pod/mixed_node.h"
#include "common/cni/error.h"
#include "common/netlink/link.h"

namespace flannel::bridge {
namespace {

/// Removes the ports of the bridge that carry our mark and no valid attachment's name.
void remove_stale_ports(const cni::Request& request, const std::string& bridge_name,
                        const std::vector<cni::Attachment>& valid) {
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  const auto bridge = netlink::find_link(host, bridge_name);
  if (!bridge || bridge->kind != "bridge") return;
  remove_stale_veths(host, netlink::ports_of(host, bridge->ifindex), request.network, valid);
}

}  // namespace

void gc(const cni::Request& request, const Ipam& ipam) {
  const BridgeConf conf = parse_bridge_conf(request);
  const auto valid = request.valid_attachments();
  cni::Attempts attempts;
  attempts.run(fmt::format("remove ports of bridge '{}'", conf.bridge),
               [&] { remove_stale_ports(request, conf.bridge, valid); });
  attempts.run("remove what protected others from pods that are gone", [&] { collect_protection(conf); });
  attempts.run("answer for pods that are gone no more", [&] { collect_answers(conf.bridge); });
  attempts.run("GC of addresses", [&] { ipam.gc(request); });
  attempts.run("remove masquerade rules",
               [&] { collect_masquerade(conf.masquerade_backend, request.network, valid); });
  attempts.run("remove the rules of 'macspoofchk'", collect_mac_spoof_check);
  attempts.throw_if_any();
}

}  // namespace flannel::bridge
