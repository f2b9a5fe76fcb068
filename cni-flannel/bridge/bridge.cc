#include "cni-flannel/bridge/bridge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "cni-flannel/bridge/lost_ports.h"
#include "cni-flannel/bridge/node_settings.h"
#include "cni-flannel/bridge/plan.h"
#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/netlink/bridge.h"
#include "common/netlink/error.h"

namespace flannel {
namespace {

using base::Family;
using base::IpNet;
using cni::Error;
using cni::ErrorCode;
using netlink::Link;
using netlink::NetlinkSocket;

/// The mark of a bridge on which all is done that an ADD does only once.
constexpr const char* kBridgeAlias = "bridge of pods";

/// As of a container that had the gateway's address: those that remember a bridge which was removed find the
/// next one.
std::optional<base::MacAddress> mac_of_gateway(const BridgeConf& conf) {
  if (!conf.is_gateway || conf.vlan != 0 || conf.subnets.empty()) return std::nullopt;
  return mac_of_address(conf.subnets.front().network().address.next());
}

/// Finds or makes it; says why when the kernel refuses.
netlink::EnsuredBridge find_or_create(NetlinkSocket& host, const BridgeConf& conf) {
  try {
    return netlink::ensure_bridge(host, {.name = conf.bridge,
                                         .mtu = conf.mtu,
                                         .vlan_filtering = conf.needs_vlan_filtering(),
                                         .mac = mac_of_gateway(conf)});
  } catch (const netlink::NetlinkError& error) {
    if (error.error_number() == EOPNOTSUPP && conf.needs_vlan_filtering())
      throw Error(ErrorCode::unsupported_field,
                  fmt::format("unsupported field 'delegate.{}': this kernel cannot filter VLANs on a bridge",
                              conf.vlan != 0 ? "vlan" : "vlanTrunk"),
                  fmt::format("{}; it needs CONFIG_BRIDGE_VLAN_FILTERING; nothing was made", error.what()));
    if (error.error_number() == EEXIST)
      throw Error(ErrorCode::conflict, error.what(),
                  "set delegate.bridge to another name, or remove that link");
    throw;
  }
}

/// Of a bridge that an administrator gave an alias it cannot be said whether this was done, so it is done
/// again.
void take_over(NetlinkSocket& host, const BridgeConf& conf, const std::string& network, const Link& bridge) {
  // An address that was set is no longer that of the port with the lowest one.
  netlink::set_mac(host, bridge, bridge.mac);
  if (!bridge.alias.empty()) return;
  if (take_back_ports(host, conf, bridge, find_lost_ports(host, network)))
    netlink::set_alias(host, bridge, kBridgeAlias);
}

bool is_set_as(const Link& link, const BridgeConf& conf) {
  return link.kind == "bridge" && link.alias == kBridgeAlias && link.is_up() &&
         (conf.mtu == 0 || link.mtu == conf.mtu) && (!conf.promiscuous || link.is_promiscuous()) &&
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

Link ensure_bridge(NetlinkSocket& host, const BridgeConf& conf, const std::string& network) {
  check_node_settings(conf, netlink::find_link(host, conf.bridge));
  ensure_node_forwards(host, conf);
  auto [link, created] = find_or_create(host, conf);
  ensure_link_settings(conf, link);
  if (link.alias != kBridgeAlias) take_over(host, conf, network, link);
  if (!created && conf.mtu != 0 && link.mtu != conf.mtu) {
    netlink::set_mtu(host, link, conf.mtu);
    link.mtu = conf.mtu;
  }
  if (conf.promiscuous && !link.is_promiscuous()) netlink::set_promiscuous(host, link);
  return link;
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
