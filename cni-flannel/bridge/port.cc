#include "cni-flannel/bridge/port.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "cni-flannel/bridge/bridge.h"
#include "cni-flannel/bridge/protection.h"
#include "cni-flannel/pod/attachment_names.h"
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
                  "this node (the kubelet's maxPods), or set delegate.type to ptp, which has no such limit",
                  of_containers));
}

/// netlink::create_veth(), with the reason why a bridge takes no more ports.
bool create_pair(netlink::NetlinkSocket& host, const netlink::Link& bridge, const netlink::VethPair& pair) {
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

HostVeth create_port(netlink::NetlinkSocket& host, const BridgeConf& conf, const netlink::Link& bridge,
                     const netlink::Netns& netns, const cni::Request& request,
                     const base::MacAddress& container_mac) {
  return create_host_veth(
      host, request,
      {.local = {},
       .peer = {request.attachment.ifname, container_mac},
       .peer_netns = &netns,
       .master = bridge.ifindex,
       .mtu = bridge.mtu},
      {.create = [&](const netlink::VethPair& pair) { return create_pair(host, bridge, pair); },
       .finish =
           [&](const std::string& name, const std::string& alias) {
             netlink::set_port_options(host, name, pod_port_options(conf, alias));
             configure_port_vlans(host, conf, name);
             // A port of a bridge hears no router; when somebody removes the bridge it is a link like any
             // other.
             netlink::try_sysctl(fmt::format("net/ipv6/conf/{}/accept_ra", name), "0");
           }});
}

}  // namespace flannel
