#include "cni-flannel/bridge/gateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>

#include "cni-flannel/bridge/bridge.h"
#include "cni-flannel/bridge/protection.h"
#include "cni-flannel/bridge/take_over.h"
#include "cni-flannel/pod/attachment_names.h"
#include "cni-flannel/pod/node_settings.h"
#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/netlink/bridge.h"
#include "common/netlink/route.h"
#include "common/netlink/steps.h"
#include "common/netlink/veth.h"

namespace flannel {
namespace {

using base::Family;
using base::IpNet;
using cni::Error;
using cni::ErrorCode;
using netlink::Link;
using netlink::NetlinkSocket;

constexpr size_t kMaxNamedContainers = 5;

constexpr uint8_t kAddressProtocol = 95;  // of an address that an ADD gave; flanneld's routes bear the same

constexpr const char* kGatewayAlias = "gateway of ";  // no container's: a network's name has no blank

std::vector<Link> container_ports(NetlinkSocket& host, const Link& bridge) {
  std::vector<Link> ports = netlink::ports_of(host, bridge.ifindex);
  std::erase_if(ports, is_gateway_port);
  return ports;
}

bool has_address(const std::vector<netlink::Address>& present, const IpNet& wanted) {
  return std::any_of(present.begin(), present.end(),
                     [&](const netlink::Address& address) { return address.net == wanted; });
}

/// The reference's rule: any other IPv4 address is one too many, IPv6 only an overlapping one.
std::vector<netlink::Address> conflicting(const std::vector<netlink::Address>& present, const IpNet& wanted) {
  std::vector<netlink::Address> conflicts;
  for (const netlink::Address& address : present)
    if (address.net != wanted && address.net.address.family() == wanted.address.family() &&
        (wanted.address.is_v4() || address.net.overlaps(wanted)))
      conflicts.push_back(address);
  return conflicts;
}

[[noreturn]] void refuse_address(const Link& link, const IpNet& wanted, const IpNet& conflict,
                                 const std::string& details) {
  throw Error(ErrorCode::conflict,
              fmt::format("failed to set bridge addr: \"{}\" already has an IP address different from {}: {}",
                          link.name, wanted, conflict),
              details);
}

void refuse_foreign(const BridgeConf& conf, const Link& link, const IpNet& wanted,
                    const std::vector<netlink::Address>& conflicts) {
  if (conf.force_address) return;
  for (const netlink::Address& conflict : conflicts)
    if (!is_gateway_of_pods(conf, conflict))
      refuse_address(
          link, wanted, conflict.net,
          fmt::format("it is no address of the pods' networks ({}), so that somebody else uses the link, "
                      "and nothing was changed; name another bridge in delegate.bridge, remove the "
                      "address, or set delegate.forceAddress to true to have it replaced",
                      fmt::join(conf.networks, ", ")));
}

/// A bridge of pods hears no router, lest a pod be one. What the node learned over a bridge that serves pods
/// already may come from a pod, and is to end.
void refuse_learned_routes(NetlinkSocket& host, const BridgeConf& conf, const Link& bridge,
                           const std::vector<netlink::Address>& present) {
  if (is_taken_over(bridge) || !bridge.ipv6 || !bridge.ipv6->accepts_ra()) return;
  if (std::any_of(present.begin(), present.end(),
                  [&](const netlink::Address& address) { return is_gateway_of_pods(conf, address); }))
    return;
  for (const netlink::Route& route : netlink::learned_routes(host))
    if (route.ifindex == bridge.ifindex)
      throw Error(ErrorCode::conflict,
                  fmt::format("the node learned its route {} by router advertisements over bridge '{}'",
                              route.str(), bridge.name),
                  fmt::format("no pod may become the node's router, so that the bridge would no longer hear "
                              "them and the route would end; nothing was changed; name another bridge in "
                              "delegate.bridge, or give the node that route and its addresses by hand and "
                              "set net.ipv6.conf.{}.accept_ra to 0",
                              bridge.name));
}

/// "a, b and 7 more": the containers that hold leases or ports. The reference's ports bear no name, but its
/// leases do.
std::string name_containers(const std::vector<std::string>& holders, const std::vector<Link>& ports) {
  std::set<std::string> containers(holders.begin(), holders.end());
  for (const Link& port : ports)
    if (const std::string container = container_of(port.alias); !container.empty())
      containers.insert(container);
  if (containers.empty()) return fmt::format("unknown, on port {}", ports.front().name);
  const size_t named = std::min(containers.size(), kMaxNamedContainers);
  const size_t all = std::max(containers.size(), ports.size());
  const auto end = std::next(containers.begin(), static_cast<std::ptrdiff_t>(named));
  const std::string names = fmt::format("{}", fmt::join(containers.begin(), end, ", "));
  return all > named ? fmt::format("{} and {} more", names, all - named) : names;
}

void ensure_gateway_address(NetlinkSocket& host, const BridgeConf& conf, const Link& bridge, const Link& link,
                            const IpNet& wanted, const ContainersWithin& containers_within) {
  const Family family = wanted.address.family();
  const auto present = netlink::addresses_of(host, link, family);
  if (has_address(present, wanted)) return;
  const auto conflicts = conflicting(present, wanted);
  refuse_foreign(conf, link, wanted, conflicts);
  if (!conflicts.empty() && !conf.force_address) {
    const auto ports = container_ports(host, bridge);
    // Another ADD may have re-addressed the bridge and hung its port on it since the first look.
    if (!ports.empty() && !has_address(netlink::addresses_of(host, link, family), wanted))
      refuse_address(
          link, wanted, conflicts.front().net,
          fmt::format("{} pods of the old subnet still use it: containers {}; the node's subnet has "
                      "changed under them; delete those pods and the next one gets the bridge "
                      "re-addressed, or set delegate.forceAddress to true to cut them off now",
                      ports.size(),
                      name_containers(containers_within(conflicts.front().net.network()), ports)));
  }
  for (const netlink::Address& conflict : conflicts) netlink::remove_address(host, link, conflict.net);
  netlink::add_address(host, link, wanted, netlink::Dad::no, kAddressProtocol);
}

/// With `vlan` the gateway's address is on a link of its own. A bridge that has it too, from the time
/// before the VLAN, would answer in its place.
void take_from_bridge(NetlinkSocket& host, const BridgeConf& conf, const Link& bridge, const IpNet& address,
                      const ContainersWithin& containers_within) {
  if (!has_address(netlink::addresses_of(host, bridge), address)) return;
  const auto ports = container_ports(host, bridge);
  if (!ports.empty() && !conf.force_address)
    throw Error(ErrorCode::conflict,
                fmt::format("\"{}\" has the gateway's address {} itself, outside of VLAN {}", bridge.name,
                            address, conf.vlan),
                fmt::format("pods without that VLAN use it: containers {}; delete those pods, or set "
                            "delegate.forceAddress to true to cut them off now",
                            name_containers(containers_within(address.network()), ports)));
  netlink::remove_address(host, bridge, address);
}

/// Idempotent, so that it also completes what a killed ADD, or another program, began.
void ensure_gateway_port(NetlinkSocket& host, const BridgeConf& conf, const Link& bridge, const Link& link,
                         const Link& port) {
  if (port.master != bridge.ifindex) netlink::set_master(host, port, bridge.ifindex);
  if (!is_gateway_port(port) || port.master != bridge.ifindex) {
    BridgeConf only_vlan = conf;
    only_vlan.vlan_trunk.clear();
    configure_port_vlans(host, only_vlan, port.name);
    // The mark goes last: it says that the rest is done.
    netlink::set_port_options(host, port.name, {.alias = fmt::format("{}{}", kGatewayAlias, link.name)});
  }
  for (const Link* end : {&port, &link})
    if (end->mtu != bridge.mtu) netlink::set_mtu(host, *end, bridge.mtu);
  if (!port.is_up()) netlink::set_up(host, port);
}

}  // namespace

Link ensure_gateway_link(NetlinkSocket& host, const BridgeConf& conf, const Link& bridge) {
  if (conf.vlan == 0) return bridge;
  const std::string name = conf.vlan_gateway();
  if (!netlink::find_link(host, name))
    netlink::create_veth(host, {.local = {gateway_port_name(conf.bridge, name), base::MacAddress::random()},
                                .peer = {name, mac_of_gateway(conf).value_or(base::MacAddress::random())},
                                .peer_netns = nullptr,
                                .master = bridge.ifindex,
                                .mtu = bridge.mtu});
  const auto link = netlink::find_link(host, name);
  if (!link) throw netlink::NetlinkError(ENODEV, fmt::format("set up link {}", base::quoted(name)), "");
  if (link->kind == "veth")  // else an administrator's, to be used as it is
    if (const auto port = netlink::find_link(host, link->peer);
        port && (port->master == bridge.ifindex || (port->master == 0 && is_gateway_port(*port))))
      ensure_gateway_port(host, conf, bridge, *link, *port);
  ensure_link_settings(conf, *link);
  if (!link->is_up()) netlink::set_up(host, *link);
  Link ready = *link;
  ready.mtu = bridge.mtu;
  return ready;
}

bool is_gateway_port(const Link& port) { return port.alias.starts_with(kGatewayAlias); }

bool is_gateway_of_pods(const BridgeConf& conf, const netlink::Address& address) {
  return address.protocol == kAddressProtocol ||
         std::any_of(conf.networks.begin(), conf.networks.end(),
                     [&](const IpNet& network) { return network.contains(address.net.address); });
}

void check_other_use(NetlinkSocket& host, const BridgeConf& conf, const std::vector<IpNet>& addresses) {
  const auto bridge = netlink::find_link(host, conf.bridge);
  if (!bridge) return;
  const auto present = netlink::addresses_of(host, *bridge);
  refuse_learned_routes(host, conf, *bridge, present);
  if (!conf.is_gateway || conf.vlan != 0) return;
  for (const IpNet& address : addresses)
    if (!has_address(present, address)) refuse_foreign(conf, *bridge, address, conflicting(present, address));
}

void ensure_gateway(NetlinkSocket& host, const BridgeConf& conf, const Link& bridge, const Link& gateway_link,
                    const std::vector<IpNet>& addresses, const std::vector<netlink::Address>& present,
                    const ContainersWithin& containers_within) {
  for (const IpNet& address : addresses) {
    if (gateway_link.ifindex != bridge.ifindex)
      take_from_bridge(host, conf, bridge, address, containers_within);
    if (!has_address(present, address))
      ensure_gateway_address(host, conf, bridge, gateway_link, address, containers_within);
    // Of an IPAM plugin with ranges of its own: nobody knew the family before.
    if (const Family family = address.address.family(); !families_of(conf.subnets).has(family))
      ensure_node_forwards(host, family);
  }
}

}  // namespace flannel
