#include "cni-flannel/bridge/gateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>

#include "cni-flannel/bridge/attachment_names.h"
#include "cni-ipam/holders.h"
#include "common/base/rollback.h"
#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/netlink/address.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/steps.h"
#include "common/netlink/sysctl.h"
#include "common/netlink/veth.h"

namespace flannel {
namespace {

using base::Family;
using base::IpNet;
using cni::Error;
using cni::ErrorCode;
using netlink::Link;
using netlink::NetlinkSocket;

constexpr size_t kMaxNamedPods = 5;

constexpr const char* kGatewayAlias = "gateway of ";  // no pod's: a network's name has no blank

bool is_gateway_port(const Link& port) { return port.alias.starts_with(kGatewayAlias); }

/// Ports that belong to pods.
std::vector<Link> pod_ports(NetlinkSocket& node, const Link& bridge) {
  std::vector<Link> ports = netlink::ports_of(node, bridge.ifindex);
  std::erase_if(ports, is_gateway_port);
  return ports;
}

bool has_address(const std::vector<netlink::Address>& present, const IpNet& wanted) {
  return std::any_of(present.begin(), present.end(),
                     [&](const netlink::Address& address) { return address.net == wanted; });
}

/// The reference's rule: any other IPv4 address is one too many, IPv6 only an overlapping one.
std::vector<IpNet> conflicting(const std::vector<netlink::Address>& present, const IpNet& wanted) {
  std::vector<IpNet> conflicts;
  for (const netlink::Address& address : present)
    if (address.net.address.family() == wanted.address.family() &&
        (wanted.address.is_v4() || address.net.overlaps(wanted)))
      conflicts.push_back(address.net);
  return conflicts;
}

/// "a, b and 7 more": the containers whose ports or leases are of the old subnet. The reference's
/// ports bear no name, but its leases do.
std::string name_pods(const cni::Request& request, const IpNet& subnet, const std::vector<Link>& ports) {
  const auto holders = ipam::containers_within(request, subnet);
  std::set<std::string> containers(holders.begin(), holders.end());
  for (const Link& port : ports)
    if (const std::string container = container_of(port.alias); !container.empty())
      containers.insert(container);
  if (containers.empty()) return fmt::format("unknown, on port {}", ports.front().name);
  const size_t named = std::min(containers.size(), kMaxNamedPods);
  const size_t pods = std::max(containers.size(), ports.size());
  const auto end = std::next(containers.begin(), static_cast<std::ptrdiff_t>(named));
  const std::string names = fmt::format("{}", fmt::join(containers.begin(), end, ", "));
  return pods > named ? fmt::format("{} and {} more", names, pods - named) : names;
}

[[noreturn]] void throw_conflict(const cni::Request& request, const Link& link, const IpNet& wanted,
                                 const IpNet& present, const std::vector<Link>& ports) {
  throw Error(ErrorCode::conflict,
              fmt::format("failed to set bridge addr: \"{}\" already has an IP address different from {}: {}",
                          link.name, wanted, present),
              fmt::format("{} pods of the old subnet still use it: containers {}; the node's subnet has "
                          "changed under them; delete those pods and the next one gets the "
                          "bridge re-addressed, or set delegate.forceAddress to true to cut them off now",
                          ports.size(), name_pods(request, present.network(), ports)));
}

void ensure_gateway_address(NetlinkSocket& node, const BridgeConf& conf, const cni::Request& request,
                            const Link& bridge, const Link& link, const IpNet& wanted) {
  const Family family = wanted.address.family();
  const auto present = netlink::addresses_of(node, link, family);
  if (has_address(present, wanted)) return;
  const auto conflicts = conflicting(present, wanted);
  if (!conflicts.empty() && !conf.force_address) {
    const auto ports = pod_ports(node, bridge);
    // Another ADD may have re-addressed the bridge and hung its port on it since the first look.
    if (!ports.empty() && !has_address(netlink::addresses_of(node, link, family), wanted))
      throw_conflict(request, link, wanted, conflicts.front(), ports);
  }
  for (const IpNet& conflict : conflicts) netlink::remove_address(node, link, conflict);
  netlink::add_address(node, link, wanted);
}

/// With `vlan` the gateway's address is on a link of its own. A bridge that has it too, from the time
/// before the VLAN, would answer in its place.
void take_from_bridge(NetlinkSocket& node, const BridgeConf& conf, const cni::Request& request,
                      const Link& bridge, const IpNet& address) {
  if (!has_address(netlink::addresses_of(node, bridge), address)) return;
  const auto ports = pod_ports(node, bridge);
  if (!ports.empty() && !conf.force_address)
    throw Error(ErrorCode::conflict,
                fmt::format("\"{}\" has the gateway's address {} itself, outside of VLAN {}", bridge.name,
                            address, conf.vlan),
                fmt::format("pods without that VLAN use it: containers {}; delete those pods, or set "
                            "delegate.forceAddress to true to cut them off now",
                            name_pods(request, address.network(), ports)));
  netlink::remove_address(node, bridge, address);
}

void ensure_forwarding(Family family) {
  const std::string name = family == Family::v4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
  if (!netlink::ensure_sysctl(name, "1"))
    throw Error(ErrorCode::kernel_refused, fmt::format("switch on forwarding: there is no setting {}", name),
                "the kernel runs without that address family");
}

void set_vlans(NetlinkSocket& node, const BridgeConf& conf, const std::string& port_name) {
  if (!conf.needs_vlan_filtering()) return;
  const auto port = netlink::find_link(node, port_name);
  if (!port)
    throw netlink::NetlinkError(ENODEV,
                                fmt::format("set the VLANs of bridge port {}", base::quoted(port_name)), "");
  std::vector<netlink::Vlan> vlans;
  vlans.insert(vlans.end(), conf.vlan_trunk.begin(), conf.vlan_trunk.end());
  // Last, or a trunk that has it too would make it tagged. A trunk without vlan keeps the native VLAN.
  const uint16_t untagged = conf.vlan != 0 ? conf.vlan : 1;
  vlans.push_back({untagged, untagged, true});
  netlink::set_port_vlans(node, *port, vlans, !conf.preserve_default_vlan);
}

/// Idempotent, so that it also completes what a killed ADD, or another program, began.
void ensure_gateway_port(NetlinkSocket& node, const BridgeConf& conf, const Link& link, const Link& port) {
  if (!is_gateway_port(port)) {
    netlink::ensure_sysctl(fmt::format("net/ipv6/conf/{}/accept_ra", link.name), "0");  // as the bridge's own
    BridgeConf only_vlan = conf;
    only_vlan.vlan_trunk.clear();
    set_vlans(node, only_vlan, port.name);
    netlink::set_port_options(
        node, port.name, {false, false, fmt::format("{}{}", kGatewayAlias, link.name)});  // the mark: last
  }
  for (const Link* end : {&port, &link})
    if (conf.mtu != 0 && end->mtu != conf.mtu) netlink::set_mtu(node, *end, conf.mtu);
  if (!port.is_up()) netlink::set_up(node, port);
}

}  // namespace

Link ensure_node_bridge(NetlinkSocket& node, const BridgeConf& conf) {
  netlink::EnsuredBridge bridge;
  try {
    bridge = netlink::ensure_bridge(node, {conf.bridge, conf.mtu, conf.needs_vlan_filtering()});
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
  if (bridge.created) {
    // Router advertisements of pods must not configure the node.
    netlink::ensure_sysctl(fmt::format("net/ipv6/conf/{}/accept_ra", conf.bridge), "0");
  } else if (conf.mtu != 0 && bridge.link.mtu != conf.mtu) {
    netlink::set_mtu(node, bridge.link, conf.mtu);
    bridge.link.mtu = conf.mtu;
  }
  if (conf.promiscuous && !bridge.link.is_promiscuous()) netlink::set_promiscuous(node, bridge.link);
  return bridge.link;
}

Link ensure_gateway_link(NetlinkSocket& node, const BridgeConf& conf, const Link& bridge) {
  if (conf.vlan == 0) return bridge;
  const std::string name = conf.vlan_gateway();
  if (!netlink::find_link(node, name))
    netlink::create_veth(node, {{host_veth_name({conf.bridge, name}, 0), base::MacAddress::random()},
                                {name, base::MacAddress::random()},
                                nullptr,
                                bridge.ifindex,
                                conf.mtu});
  const auto link = netlink::find_link(node, name);
  if (!link) throw netlink::NetlinkError(ENODEV, fmt::format("set up link {}", base::quoted(name)), "");
  if (link->kind == "veth")  // else an administrator's, to be used as it is
    if (const auto port = netlink::find_link(node, link->peer); port && port->master == bridge.ifindex)
      ensure_gateway_port(node, conf, *link, *port);
  if (!link->is_up()) netlink::set_up(node, *link);
  Link ready = *link;
  if (conf.mtu != 0) ready.mtu = conf.mtu;
  return ready;
}

std::optional<ReadyBridge> find_ready_bridge(NetlinkSocket& host, const BridgeConf& conf) {
  if (conf.vlan != 0 && conf.is_gateway) return std::nullopt;  // the gateway is on a link of its own
  const auto link = netlink::find_link(host, conf.bridge);
  if (!link || link->kind != "bridge" || !link->is_up() || (conf.mtu != 0 && link->mtu != conf.mtu) ||
      (conf.promiscuous && !link->is_promiscuous()) || (conf.needs_vlan_filtering() && !link->vlan_filtering))
    return std::nullopt;
  if (!conf.is_gateway) return ReadyBridge{.link = *link, .addresses = {}};
  if (conf.subnets.empty()) return std::nullopt;
  const Family family = conf.subnets.front().address.family();
  const bool is_one_family = std::all_of(conf.subnets.begin(), conf.subnets.end(), [&](const IpNet& subnet) {
    return subnet.address.family() == family;
  });
  auto addresses = netlink::addresses_of(host, *link, is_one_family ? std::optional(family) : std::nullopt);
  for (const IpNet& subnet : conf.subnets)
    if (std::none_of(addresses.begin(), addresses.end(),
                     [&](const netlink::Address& address) { return subnet.contains(address.net.address); }))
      return std::nullopt;
  return ReadyBridge{.link = *link, .addresses = std::move(addresses)};
}

void ensure_gateway(NetlinkSocket& node, const BridgeConf& conf, const cni::Request& request,
                    const Link& bridge, const Link& gateway_link, const std::vector<IpNet>& addresses,
                    const std::vector<netlink::Address>& present) {
  for (const IpNet& address : addresses) {
    if (gateway_link.ifindex != bridge.ifindex) take_from_bridge(node, conf, request, bridge, address);
    if (!has_address(present, address))
      ensure_gateway_address(node, conf, request, bridge, gateway_link, address);
    ensure_forwarding(address.address.family());
  }
}

HostVeth create_host_veth(NetlinkSocket& host, const BridgeConf& conf, const Link& bridge,
                          const netlink::Netns& netns, const cni::Request& request,
                          const base::MacAddress& container_mac) {
  const cni::Attachment& attachment = request.attachment;
  const std::string alias = link_alias(request.network, attachment);
  HostVeth veth{.name = {}, .mac = base::MacAddress::random()};
  base::Rollback undo;
  for (unsigned attempt = 0; attempt < kMaxHostNames; ++attempt) {
    veth.name = host_veth_name(attachment, attempt);
    // Pushed first: the kernel may have made the pair although its answer was lost.
    undo.push([&host, veth] { remove_host_veth(host, veth); });
    if (netlink::create_veth(host, {.local = {veth.name, veth.mac},
                                    .peer = {attachment.ifname, container_mac},
                                    .peer_netns = &netns,
                                    .master = bridge.ifindex,
                                    .mtu = conf.mtu})) {
      netlink::set_port_options(host, veth.name, {conf.hairpin, conf.port_isolation, alias});
      set_vlans(host, conf, veth.name);
      undo.commit();
      return veth;
    }
    const auto present = netlink::find_link(host, veth.name);
    if (!present || present->alias == alias) break;  // it is the container's end, or its twin
  }
  throw Error(
      ErrorCode::conflict,
      fmt::format("container '{}' already has an interface '{}', or a link '{}' of an earlier attachment "
                  "is left",
                  attachment.container_id, attachment.ifname, veth.name),
      "the runtime must call DEL for this attachment before it calls ADD again");
}

void remove_host_veth(NetlinkSocket& host, const HostVeth& veth) {
  if (const auto link = netlink::find_link(host, veth.name); link && link->mac == veth.mac)
    netlink::remove_link(host, veth.name);
}

void correct_neighbours(NetlinkSocket& node, const Link& gateway_link, const Plan& plan) {
  netlink::Steps steps;
  for (const IpNet& address : plan.container_addresses)
    steps.add(netlink::correct_neighbour_request({gateway_link.ifindex, address.address, plan.container_mac}),
              fmt::format("correct the node's neighbour entry of {}", address.address));
  steps.run(node, ENOENT);
}

std::optional<Link> find_host_veth(NetlinkSocket& node, const std::string& network,
                                   const cni::Attachment& attachment) {
  for (unsigned attempt = 0; attempt < kMaxHostNames; ++attempt) {
    auto link = netlink::find_link(node, host_veth_name(attachment, attempt));
    if (!link) return std::nullopt;
    // Without an alias it is one of an ADD that was killed before it could write it.
    if (link->alias.empty() || link->alias == link_alias(network, attachment)) return link;
  }
  return std::nullopt;
}

}  // namespace flannel
