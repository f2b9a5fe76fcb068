#include "cni-flannel/bridge/protection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "common/base/text.h"
#include "common/netfilter/nft_socket.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/steps.h"

namespace flannel {
namespace {

using base::MacAddress;
using netlink::Link;
using netlink::NetlinkSocket;

/// What a pod with these addresses may send.
guard::Port guarded_port(const BridgeConf& conf, int ifindex, const std::vector<base::IpNet>& addresses,
                         const MacAddress& mac) {
  guard::Port port{.ifindex = ifindex,
                   .sources = conf.allowed_sources,
                   .checks_sources = !conf.allow_any_source,
                   .has_nested_macs = conf.allow_nested_macs};
  for (const base::IpNet& net : addresses) port.sources.push_back(net.address);
  // A pod without IPv6 behind a gateway has no link-local address either.
  if (families_of(addresses).v6 || !conf.is_gateway) port.sources.push_back(guard::link_local_of(mac));
  return port;
}

/// The fixed entry of a port, and the node's of the pod's addresses.
void put_entries(netlink::Steps& steps, int port, const MacAddress& mac,
                 const std::vector<netlink::Neighbour>& neighbours) {
  steps.add(netlink::put_port_entry_request(port, mac), fmt::format("fix {} to its bridge port", mac));
  for (const netlink::Neighbour& one : neighbours)
    steps.add(netlink::put_neighbour_request(one),
              fmt::format("fix the node's neighbour entry of {}", one.address));
}

std::vector<netlink::Neighbour> neighbours_of_pod(const BridgeConf& conf, const guard::Node& node,
                                                  const std::vector<base::IpNet>& addresses,
                                                  const MacAddress& mac) {
  std::vector<netlink::Neighbour> neighbours;
  if (conf.is_gateway)
    for (const base::IpNet& net : addresses) neighbours.push_back({node.gateway.ifindex, net.address, mac});
  return neighbours;
}

}  // namespace

netlink::PortOptions pod_port_options(const BridgeConf& conf, const std::string& alias) {
  return {.hairpin = conf.hairpin,
          .isolated = conf.port_isolation,
          .macs = conf.allow_nested_macs ? netlink::PortMacs::any : netlink::PortMacs::fixed,
          // Also the mark of a port of which the kernel's record tells all (common/guard/existing.h).
          .refuses_bpdu = !conf.allows_more(),
          .alias = alias};
}

std::optional<MacAddress> mac_of_gateway(const BridgeConf& conf) {
  if (!conf.is_gateway || conf.subnets.empty()) return std::nullopt;
  return mac_of_address(conf.subnets.front().network().address.next());
}

guard::Node node_of(const BridgeConf& conf, const Link& bridge, const Link& gateway_link) {
  return {.bridge = bridge, .gateway = gateway_link, .subnets = conf.subnets};
}

void protect_pod(NetlinkSocket& host, std::optional<NetlinkSocket>& nft, const BridgeConf& conf,
                 const Plan& plan, const guard::Node& node, const std::string& port, bool is_new_bridge,
                 base::Rollback& undo) {
  const auto ifindex = netlink::find_ifindex(host, port);
  if (!ifindex)
    throw netlink::NetlinkError(ENODEV, fmt::format("guard bridge port {}", base::quoted(port)), "");
  const guard::Port guarded = guarded_port(conf, *ifindex, plan.container_addresses, plan.container_mac);
  if (nft)
    undo.push([guarded] {
      if (auto again = netfilter::open_nft_socket()) guard::release_ports(*again, {guarded});
    });
  const guard::Frame frame = nft ? guard::guard_ports(*nft, {guarded}) : guard::Frame::impossible;

  const auto neighbours = neighbours_of_pod(conf, node, plan.container_addresses, plan.container_mac);
  undo.push([&host, neighbours] { netlink::remove_neighbours(host, neighbours); });
  netlink::Steps steps;
  put_entries(steps, *ifindex, plan.container_mac, neighbours);
  steps.run(host, 0);
  if (frame == guard::Frame::made || is_new_bridge) guard::guard_existing(host, nft ? &*nft : nullptr, node);
}

void repair_protection(NetlinkSocket& host, const BridgeConf& conf, const std::vector<base::IpNet>& addresses,
                       const guard::Node& node, const Link& port, const Link& container) {
  // An entry for either would take what is for the node.
  if (container.mac == node.bridge.mac || container.mac == node.gateway.mac) return;
  auto nft = netfilter::open_nft_socket();
  const bool is_ours = port.refuses_bpdu || conf.allows_more();
  if (!is_ours) {
    guard::guard_existing_port(host, nft ? &*nft : nullptr, node, port.name);
    return;
  }
  if (nft && guard::guard_ports(*nft, {guarded_port(conf, port.ifindex, addresses, container.mac)}) ==
                 guard::Frame::made)
    guard::guard_existing(host, &*nft, node);
  netlink::Steps steps;
  put_entries(steps, port.ifindex, container.mac, neighbours_of_pod(conf, node, addresses, container.mac));
  const netlink::PortOptions options = pod_port_options(conf, {});
  steps.add(netlink::port_macs_request(port.ifindex, options.macs, options.refuses_bpdu),
            fmt::format("set what bridge port {} takes", base::quoted(port.name)));
  steps.run(host, 0);
}

std::vector<std::string> missing_protection(NetlinkSocket& host, const std::optional<Link>& bridge) {
  try {
    auto nft = netfilter::open_nft_socket();
    return guard::missing(bridge ? netlink::ports_of(host, bridge->ifindex) : std::vector<Link>(),
                          nft && guard::can_have_frame(*nft));
  } catch (const netlink::NetlinkError&) {
    return {};
  }
}

}  // namespace flannel
