#include "cni-flannel/bridge/host_veth.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "cni-flannel/bridge/attachment_names.h"
#include "cni-flannel/bridge/bridge.h"
#include "cni-flannel/bridge/protection.h"
#include "common/base/rollback.h"
#include "common/cni/error.h"
#include "common/netlink/bridge.h"
#include "common/netlink/error.h"
#include "common/netlink/sysctl.h"
#include "common/netlink/veth.h"

namespace flannel {
namespace {

[[noreturn]] void throw_bridge_full(const netlink::Link& bridge, const std::vector<netlink::Link>& ports) {
  const auto of_containers = std::count_if(ports.begin(), ports.end(), [](const netlink::Link& port) {
    return !container_of(port.alias).empty();
  });
  throw cni::Error(
      cni::ErrorCode::try_again_later,
      fmt::format("bridge '{}' is full: it has {} ports, and the kernel allows a bridge no more than {}",
                  bridge.name, ports.size(), netlink::kMaxBridgePorts),
      fmt::format("{} of them are of pods; a port becomes free when its pod is deleted; have fewer pods on "
                  "this node (the kubelet's maxPods)",
                  of_containers));
}

/// netlink::create_veth(), with the reason why a bridge takes no more ports.
bool create_port(netlink::NetlinkSocket& host, const netlink::Link& bridge, const netlink::VethPair& pair) {
  try {
    return netlink::create_veth(host, pair);
  } catch (const netlink::NetlinkError& error) {
    if (error.error_number() != EXFULL) throw;
    throw_bridge_full(bridge, netlink::ports_of(host, bridge.ifindex));
  }
}

}  // namespace

void check_has_room(netlink::NetlinkSocket& host, const netlink::Link& bridge) {
  const auto ports = netlink::ports_of(host, bridge.ifindex);
  if (ports.size() >= netlink::kMaxBridgePorts) throw_bridge_full(bridge, ports);
}

HostVeth create_host_veth(netlink::NetlinkSocket& host, const BridgeConf& conf, const netlink::Link& bridge,
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
    if (create_port(host, bridge,
                    {.local = {veth.name, veth.mac},
                     .peer = {attachment.ifname, container_mac},
                     .peer_netns = &netns,
                     .master = bridge.ifindex,
                     .mtu = bridge.mtu})) {
      netlink::set_port_options(host, veth.name, pod_port_options(conf, alias));
      configure_port_vlans(host, conf, veth.name);
      // A port of a bridge hears no router; when somebody removes the bridge it is a link like any other.
      netlink::try_sysctl(fmt::format("net/ipv6/conf/{}/accept_ra", veth.name), "0");
      undo.commit();
      return veth;
    }
    const auto present = netlink::find_link(host, veth.name);
    if (!present || present->alias == alias) break;  // it is the container's end, or its twin
  }
  throw cni::Error(
      cni::ErrorCode::conflict,
      fmt::format("container '{}' already has an interface '{}', or a link '{}' of an earlier attachment "
                  "is left",
                  attachment.container_id, attachment.ifname, veth.name),
      "the runtime must call DEL for this attachment before it calls ADD again");
}

void remove_host_veth(netlink::NetlinkSocket& host, const HostVeth& veth) {
  if (const auto link = netlink::find_link(host, veth.name); link && link->mac == veth.mac)
    netlink::remove_link(host, veth.name);
}

std::optional<netlink::Link> find_host_veth(netlink::NetlinkSocket& host, const std::string& network,
                                            const cni::Attachment& attachment) {
  for (unsigned attempt = 0; attempt < kMaxHostNames; ++attempt) {
    auto link = netlink::find_link(host, host_veth_name(attachment, attempt));
    if (!link) continue;  // whose it was may be gone already
    // Without an alias it is one of an ADD that was killed before it could write it.
    if (link->alias.empty() || link->alias == link_alias(network, attachment)) return link;
  }
  return std::nullopt;
}

}  // namespace flannel
