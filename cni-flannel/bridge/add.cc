// ADD of the built-in delegate.
#include "cni-flannel/bridge/container.h"
#include "cni-flannel/bridge/node_side.h"
#include "cni-flannel/bridge/plan.h"
#include "cni-flannel/bridge/verbs.h"
#include "cni-flannel/filter/mac_spoof_check.h"
#include "cni-flannel/filter/masquerade.h"
#include "common/base/rollback.h"
#include "common/cni/error.h"

namespace flannel::bridge {
namespace {

constexpr int kOperationalMilliseconds = 2500;  // the reference gives up after 2.55 s

cni::Result make_result(const cni::Request& request, const BridgeConf& conf, const Plan& plan,
                        const netlink::Link& bridge, const netlink::Link& gateway_link,
                        const netlink::Link& host, const VethPorts& ports) {
  cni::Result result;
  result.interfaces.push_back({bridge.name, bridge.mac.str(), bridge.mtu, "", "", ""});
  result.interfaces.push_back({ports.host_name, ports.host_mac.str(), host.mtu, "", "", ""});
  result.interfaces.push_back(
      {request.attachment.ifname, ports.container_mac.str(), host.mtu, request.netns, "", ""});
  if (conf.vlan != 0 && conf.is_gateway)
    result.interfaces.push_back({gateway_link.name, gateway_link.mac.str(), gateway_link.mtu, "", "", ""});
  result.ips = plan.result_ips;
  result.routes = plan.result_routes;
  result.dns = plan.dns;
  return result;
}

void add_filters(const cni::Request& request, const BridgeConf& conf, const Plan& plan,
                 const VethPorts& ports, base::Rollback& undo) {
  if (conf.mac_spoof_check) {
    undo.push([&request] { remove_mac_spoof_check(request.attachment); });
    add_mac_spoof_check(request.attachment, ports.host_name, ports.container_mac);
  }
  if (conf.ip_masq) {
    undo.push([&request, backend = conf.masquerade_backend] {
      remove_masquerade(backend, request.network, request.attachment);
    });
    add_masquerade(conf.masquerade_backend, request.network, request.attachment, plan.pod_addresses);
  }
}

}  // namespace

json::OrderedValue add(const cni::Request& request, const Ipam& ipam, Container& container) {
  const BridgeConf conf = parse_bridge_conf(request);
  netlink::NetlinkSocket node = netlink::NetlinkSocket::open();

  base::Rollback undo;
  const cni::Result addresses = ipam.start_add(request)->finish();
  undo.push([&] { ipam.del(request); });
  const Plan plan = make_plan(conf, addresses);

  const netlink::Link bridge = ensure_node_bridge(node, conf);
  const netlink::Link gateway_link = conf.is_gateway ? ensure_gateway_link(node, conf, bridge) : bridge;
  if (conf.is_gateway) ensure_gateway(node, conf, request, bridge, gateway_link, plan.bridge_addresses);
  const VethPorts ports =
      create_attachment_veth(node, conf, bridge, container.netns, request, plan.pod_mac, undo);
  configure_container(container, request.attachment.ifname, conf, plan);
  if (conf.is_gateway) correct_neighbours(node, gateway_link, plan);
  add_filters(request, conf, plan, ports, undo);

  // A port that does not forward yet would eat the pod's first ARP request, and a second with it.
  const auto host = netlink::wait_operational(node, ports.host_name, kOperationalMilliseconds);
  if (!host)
    throw cni::Error(cni::ErrorCode::kernel_refused,
                     "bridge port '" + ports.host_name + "' does not become operational",
                     "check whether bridge '" + conf.bridge + "' is up");
  // Rendered while there is an undo: not every version can tell every result.
  auto result = make_result(request, conf, plan, bridge, gateway_link, *host, ports).to_json(request.version);
  undo.commit();
  return result;
}

}  // namespace flannel::bridge
