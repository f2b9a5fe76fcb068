#include "cni-flannel/bridge/bridge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "cni-flannel/bridge/gateway.h"
#include "cni-flannel/bridge/protection.h"
#include "cni-flannel/bridge/take_over.h"
#include "cni-flannel/pod/mixed_node.h"
#include "cni-flannel/pod/node_settings.h"
#include "cni-flannel/pod/plan.h"
#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/netlink/bridge.h"
#include "common/netlink/error.h"
#include "common/netlink/route.h"
#include "common/netlink/steps.h"

namespace flannel {
namespace {

using base::Family;
using base::IpNet;
using cni::Error;
using cni::ErrorCode;
using netlink::Link;
using netlink::NetlinkSocket;

constexpr const char* kOtherName = "set delegate.bridge to another name, or remove that link";

/// Finds or makes it; says why when the kernel refuses.
netlink::EnsuredBridge find_or_create(NetlinkSocket& host, const BridgeConf& conf) {
  try {
    return netlink::ensure_bridge(host, {.name = conf.bridge,
                                         .mtu = conf.mtu,
                                         .vlan_filtering = conf.needs_vlan_filtering(),
                                         .mac = conf.vlan == 0 ? mac_of_gateway(conf) : std::nullopt});
  } catch (const netlink::NetlinkError& error) {
    if (error.error_number() == EOPNOTSUPP && conf.needs_vlan_filtering())
      throw Error(ErrorCode::unsupported_field,
                  fmt::format("unsupported field 'delegate.{}': this kernel cannot filter VLANs on a bridge",
                              conf.vlan != 0 ? "vlan" : "vlanTrunk"),
                  fmt::format("{}; it needs CONFIG_BRIDGE_VLAN_FILTERING; nothing was made", error.what()));
    if (error.error_number() == EEXIST) throw Error(ErrorCode::conflict, error.what(), kOtherName);
    throw;
  }
}

/// The routes that a container gave the host before the bridge was closed to it would last for hours. Behind
/// a port of another kind may be the host's own router.
void forget_routers(NetlinkSocket& host, const Link& bridge) {
  const auto ports = netlink::ports_of(host, bridge.ifindex);
  if (std::any_of(ports.begin(), ports.end(), [](const Link& port) { return port.kind != "veth"; })) return;
  netlink::Steps steps;
  for (const netlink::Route& route : netlink::learned_routes(host))
    if (route.ifindex == bridge.ifindex)
      steps.add(netlink::remove_route_request(route),
                fmt::format("remove the learned route {}", route.str()));
  steps.run(host, ESRCH);
}

/// A packet larger than a container's MTU is lost without a word: all on a bridge have the same. Those that
/// run keep theirs, and new ones get it too; the bridge of nobody else changes when there are none.
void ensure_mtu(NetlinkSocket& host, const BridgeConf& conf, Link& bridge) {
  if (conf.mtu == 0 || bridge.mtu == conf.mtu || !is_own_bridge(bridge)) return;
  const auto ports = netlink::ports_of(host, bridge.ifindex);
  if (!std::all_of(ports.begin(), ports.end(), is_gateway_port)) return;
  netlink::set_mtu(host, bridge, conf.mtu);
  bridge.mtu = conf.mtu;
}

/// As ensure_mtu() would leave it, as far as the link itself tells: it is operational while a port is.
bool keeps_mtu(const Link& bridge, const BridgeConf& conf) {
  return conf.mtu == 0 || bridge.mtu == conf.mtu || !is_own_bridge(bridge) || bridge.is_operational();
}

bool is_set_as(const Link& link, const BridgeConf& conf) {
  return link.kind == "bridge" && is_taken_over(link) && link.is_up() && keeps_mtu(link, conf) &&
         (!conf.promiscuous || link.is_promiscuous()) &&
         (!conf.needs_vlan_filtering() || link.vlan_filtering) && has_link_settings(conf, link);
}

/// The family of all subnets; nullopt when there are two.
std::optional<Family> only_family(const std::vector<IpNet>& subnets) {
  const Family family = subnets.front().address.family();
  const bool is_only = std::all_of(subnets.begin(), subnets.end(),
                                   [&](const IpNet& subnet) { return subnet.address.family() == family; });
  return is_only ? std::optional(family) : std::nullopt;
}

}  // namespace

void check_is_bridge(const Link& link) {
  if (link.kind != "bridge")
    throw Error(ErrorCode::conflict, fmt::format("link '{}' is not a bridge", link.name), kOtherName);
}

EnsuredPodBridge ensure_bridge(NetlinkSocket& host, const BridgeConf& conf, const std::string& network) {
  check_node_settings(conf, netlink::find_link(host, conf.bridge));
  ensure_node_forwards(host, conf);
  const netlink::EnsuredBridge bridge = find_or_create(host, conf);
  ensure_link_settings(conf, bridge.link);
  const bool was_ready = is_taken_over(bridge.link);
  Link link = was_ready ? bridge.link : take_over(host, conf, network, bridge);
  if (!bridge.created && bridge.link.ipv6 && bridge.link.ipv6->accepts_ra()) forget_routers(host, link);
  ensure_mtu(host, conf, link);
  if (bridge.created) answer_for_pods_on_links(host, link);
  if (conf.promiscuous && !link.is_promiscuous()) netlink::set_promiscuous(host, link);
  return {.link = std::move(link), .taken_over = !was_ready};
}

std::optional<ReadyBridge> find_ready_bridge(NetlinkSocket& host, const BridgeConf& conf) {
  if (conf.vlan != 0 && conf.is_gateway) return std::nullopt;  // the gateway is on a link of its own
  const auto link = netlink::find_link(host, conf.bridge);
  if (!link || !is_set_as(*link, conf)) return std::nullopt;
  if (!conf.is_gateway) return ReadyBridge{.link = *link, .addresses = {}};
  if (conf.subnets.empty()) return std::nullopt;
  auto addresses = netlink::addresses_of(host, *link, only_family(conf.subnets));
  for (const IpNet& subnet : conf.subnets)
    if (std::none_of(addresses.begin(), addresses.end(),
                     [&](const netlink::Address& address) { return subnet.contains(address.net.address); }))
      return std::nullopt;
  return ReadyBridge{.link = *link, .addresses = std::move(addresses)};
}

void configure_port_vlans(NetlinkSocket& host, const BridgeConf& conf, const std::string& port_name) {
  if (!conf.needs_vlan_filtering()) return;
  const auto port = netlink::find_link(host, port_name);
  if (!port)
    throw netlink::NetlinkError(ENODEV,
                                fmt::format("set the VLANs of bridge port {}", base::quoted(port_name)), "");
  std::vector<netlink::Vlan> vlans = conf.vlan_trunk;
  // Last, or a trunk that has it too would make it tagged. A trunk without vlan keeps the native VLAN.
  const uint16_t untagged = conf.vlan != 0 ? conf.vlan : 1;
  vlans.push_back({.first = untagged, .last = untagged, .pvid_untagged = true});
  netlink::set_port_vlans(host, *port, vlans, !conf.preserve_default_vlan);
}

}  // namespace flannel
