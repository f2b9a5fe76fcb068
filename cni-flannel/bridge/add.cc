// ADD of the built-in delegate.
#include <fmt/format.h>

#include <chrono>

#include "cni-flannel/bridge/bridge.h"
#include "cni-flannel/bridge/gateway.h"
#include "cni-flannel/bridge/port.h"
#include "cni-flannel/bridge/protection.h"
#include "cni-flannel/bridge/verbs.h"
#include "cni-flannel/filter/mac_spoof_check.h"
#include "cni-flannel/pod/attach.h"
#include "cni-flannel/pod/container.h"
#include "cni-flannel/pod/mixed_node.h"
#include "cni-flannel/pod/node_settings.h"
#include "cni-flannel/pod/plan.h"
#include "cni-ipam/holders.h"
#include "common/base/rollback.h"
#include "common/cni/error.h"
#include "common/netfilter/nft_socket.h"

namespace flannel::bridge {
namespace {

constexpr int kContainerInterface = 2;                       // in the result: bridge, host veth, container
constexpr std::chrono::milliseconds kOperationalTime{2500};  // the reference gives up after 2.55 s

void add_filters(const cni::Request& request, const BridgeConf& conf, const Plan& plan,
                 const std::string& host_veth, base::Rollback& undo) {
  if (conf.mac_spoof_check) {
    undo.push([&request] { remove_mac_spoof_check(request.attachment); });
    add_mac_spoof_check(request.attachment, host_veth, plan.container_mac);
  }
  masquerade_pod(request, conf, plan, undo);
}

/// A port that does not forward yet would eat the container's first ARP request, and a second with it.
netlink::Link wait_for_port(netlink::NetlinkSocket& host, const std::string& host_veth,
                            const netlink::Link& bridge) {
  const auto port = netlink::wait_operational(host, host_veth, kOperationalTime + bridge.port_delay);
  if (port) return *port;
  const std::string has_spanning_tree =
      bridge.port_delay.count() == 0
          ? ""
          : fmt::format(
                " and why its spanning tree protocol keeps the port from forwarding; it may be switched "
                "off, `ip link set {} type bridge stp_state 0`",
                bridge.name);
  throw cni::Error(cni::ErrorCode::kernel_refused,
                   fmt::format("bridge port '{}' does not become operational", host_veth),
                   fmt::format("check whether bridge '{}' is up{}", bridge.name, has_spanning_tree));
}

}  // namespace

cni::Result add(const cni::Request& request, const Ipam& ipam, Container& container,
                const std::vector<base::IpNet>& networks) {
  BridgeConf conf = parse_bridge_conf(request);
  conf.networks = networks;
  const base::MacAddress born_mac = conf.mac.value_or(base::MacAddress::random());

  const auto addresses = ipam.start_add(request);  // takes them while the pair is made; goes last
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  base::Rollback undo;
  const auto make_veth = [&](const netlink::Link& bridge) {
    const HostVeth veth = create_port(host, conf, bridge, container.netns, request, born_mac);
    undo.push([&host, veth] { remove_host_veth(host, veth); });
    return veth.name;
  };
  const auto ready = find_ready_bridge(host, conf);
  // All that needs no address is done while the IPAM plugin runs.
  const std::string& ifname = request.attachment.ifname;
  const Families expected = ready ? families_of(conf.subnets) : Families();
  std::string host_veth;
  auto nft = netfilter::open_nft_socket();
  if (ready) {
    ensure_node_forwards(host, conf);
    host_veth = make_veth(ready->link);
    if (expected != Families()) set_interface_options(container, ifname, conf, expected);
  }

  Plan plan = make_plan(conf, addresses->finish(), born_mac, kContainerInterface);
  if (!ready) check_other_use(host, conf, plan.gateway_addresses);
  const auto [bridge, is_new_bridge] =
      ready ? EnsuredPodBridge{ready->link, false} : ensure_bridge(host, conf, request.network);
  if (bridge.ipv6 && bridge.ipv6->proxies) answer_no_more(host, bridge.name, plan.container_addresses);
  // Both follow from an address, and the bridge's may be of another one than its own by now.
  if (plan.container_mac == bridge.mac) plan.container_mac = born_mac;
  const netlink::Link gateway_link = conf.is_gateway ? ensure_gateway_link(host, conf, bridge) : bridge;
  if (conf.is_gateway)
    ensure_gateway(host, conf, bridge, gateway_link, plan.gateway_addresses,
                   ready ? ready->addresses : std::vector<netlink::Address>(),
                   [&](const base::IpNet& subnet) { return ipam::containers_within(request, subnet); });
  if (!ready) host_veth = make_veth(bridge);
  if (plan.families != expected) set_interface_options(container, ifname, conf, plan.families);
  protect_pod(host, nft, conf, plan, node_of(conf, bridge, gateway_link), host_veth, is_new_bridge, undo);
  // One that does not follow from the subnet may change with the bridge.
  const bool is_lasting = gateway_link.mac == mac_of_gateway(conf);
  configure_container(container, ifname, conf, plan,
                      is_lasting ? std::optional(gateway_link.mac) : std::nullopt);
  add_filters(request, conf, plan, host_veth, undo);

  const netlink::Link host_end = wait_for_port(host, host_veth, bridge);
  wait_until_reachable(container, plan);
  if (!ready && conf.is_gateway) wait_for_gateways(host, plan);
  cni::Result result = make_result(request, plan, {bridge, host_end}, host_end);
  if (conf.vlan != 0 && conf.is_gateway) result.interfaces.push_back(listed(gateway_link));
  undo.commit();
  addresses->keep();
  return result;
}

}  // namespace flannel::bridge
