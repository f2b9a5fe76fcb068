// CHECK of the built-in delegate.
#include "cni-flannel/pod/check.h"

#include <fmt/format.h>

#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/bridge/protection.h"
#include "cni-flannel/bridge/verbs.h"
#include "common/base/text.h"

namespace flannel::bridge {
namespace {

using netlink::Link;

/// Returns the link that has the gateway's address; the bridge without a gateway.
Link check_bridge(netlink::NetlinkSocket& host, const BridgeConf& conf, const cni::Result& result,
                  const Link& bridge) {
  if (conf.promiscuous && !bridge.is_promiscuous())
    fail_check(fmt::format("bridge {} is not promiscuous", base::quoted(bridge.name)));
  if (!conf.is_gateway) return bridge;
  const std::optional<Link> gateway = conf.vlan == 0 ? bridge : netlink::find_link(host, conf.vlan_gateway());
  if (!gateway || !gateway->is_up())
    fail_check(fmt::format("interface {} is gone or down", base::quoted(conf.vlan_gateway())));
  check_gateways(host, result, *gateway);
  return *gateway;
}

}  // namespace

void check(const cni::Request& request, const Ipam& ipam) {
  const BridgeConf conf = parse_bridge_conf(request);
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  const CheckedPod pod = check_pod(request, conf, ipam, host);
  const cni::Interface* listed = find_interface(pod.result, conf.bridge, "");
  if (!listed) fail_check(fmt::format("prevResult does not list bridge {}", base::quoted(conf.bridge)));
  const Link bridge = expect_link(host, *listed, "bridge");
  const Link gateway = check_bridge(host, conf, pod.result, bridge);
  if (pod.host_end.master != bridge.ifindex)
    fail_check(fmt::format("interface {} is no port of bridge {}", base::quoted(pod.host_end.name),
                           base::quoted(bridge.name)));
  repair_protection(host, conf, pod.addresses, node_of(conf, bridge, gateway), pod.host_end, pod.container);
}

}  // namespace flannel::bridge
