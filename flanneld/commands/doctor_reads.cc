#include "flanneld/commands/doctor_reads.h"

#include <fmt/format.h>
#include <linux/netlink.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "common/base/file.h"
#include "common/guard/survey.h"
#include "common/netlink/address.h"
#include "common/netlink/sysctl.h"
#include "common/netlink/vxlan.h"
#include "flanneld/backend/registry.h"
#include "flanneld/backend/udp.h"
#include "flanneld/backend/wireguard.h"
#include "flanneld/commands/udp_port.h"
#include "flanneld/kernel/device.h"
#include "flanneld/kernel/wireguard_access.h"
#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {
namespace {

constexpr size_t kMaxProcBytes = 16 << 20;

/// What receives a tunnel's packets.
struct TunnelReceiver {
  base::Family family = base::Family::v4;
  uint16_t port = 0;
  const char* kind = "VXLAN";
};

/// nullopt for a link that is none of flannel's tunnels, or cannot be asked.
std::optional<TunnelReceiver> read_tunnel(netlink::NetlinkSocket& socket, const netlink::Link& link) {
  const auto device = read_device(socket, link);
  const auto* vxlan = device ? std::get_if<VxlanDevice>(&device->kind) : nullptr;
  if (vxlan && vxlan->port != 0)
    return TunnelReceiver{.family = vxlan->local ? vxlan->local->family() : base::Family::v4,
                          .port = vxlan->port};
  if (!wireguard_device_overhead(link.kind, link.name)) return std::nullopt;
  const auto state = WireguardAccess().read(link.name);
  if (!state || state->port == 0) return std::nullopt;
  return TunnelReceiver{.family = link.name == kWireguardIpv6Link ? base::Family::v6 : base::Family::v4,
                        .port = state->port,
                        .kind = "WireGuard"};
}

void add_bridge(netlink::NetlinkSocket& socket, const netlink::Link& bridge,
                const std::vector<netlink::Link>& links, DeviceFacts& facts) {
  facts.mtu.bridge = bridge.mtu;
  facts.bridge_is_up = bridge.is_up();
  facts.bridge_ports = static_cast<size_t>(std::count_if(
      links.begin(), links.end(), [&](const netlink::Link& port) { return port.master == bridge.ifindex; }));
  facts.bridge_addresses.emplace();
  for (const netlink::Address& address : netlink::addresses_of(socket, bridge))
    facts.bridge_addresses->push_back(address.net);
}

}  // namespace

std::string read_driver(const std::string& link) {
  std::error_code error;
  return std::filesystem::read_symlink(fmt::format("/sys/class/net/{}/device/driver", link), error)
      .filename();
}

PodPortFacts read_pod_ports(netlink::NetlinkSocket& socket, const netlink::Link& bridge,
                            const std::vector<base::IpNet>& subnets) {
  auto nft = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  const auto ports = guard::pod_ports(socket, bridge.ifindex);
  const bool has_rules = guard::can_have_frame(nft);
  PodPortFacts facts{.ports = ports.size(), .open = {}, .lacks = guard::missing(ports, has_rules)};
  if (has_rules)
    facts.open = guard::find_open(socket, nft, {.bridge = bridge, .gateway = bridge, .subnets = subnets});
  return facts;
}

DeviceFacts read_devices(netlink::NetlinkSocket& socket, const std::vector<std::string>& uplinks) {
  DeviceFacts facts{.udp = {.port = netlink::kDefaultVxlanPort}};
  const auto links = netlink::all_links(socket);
  for (const netlink::Link& link : links) {
    if (link.name == kPodBridge) add_bridge(socket, link, links, facts);
    const auto overhead = find_device_overhead(link.kind, link.name);
    if (!overhead) continue;
    facts.mtu.devices.push_back({link.name, link.mtu, *overhead});
    facts.has_vxlan = facts.has_vxlan || link.kind == VxlanDevice::kLinkKind;
    const bool has_socket = link.kind != IpipDevice::kLinkKind && !udp_device_overhead(link.kind, link.name);
    facts.udp.has_device = facts.udp.has_device || has_socket;
    if (has_socket && !link.is_up()) facts.udp.down = link.name;
    if (const auto tunnel = read_tunnel(socket, link)) {
      facts.udp.port = tunnel->port;
      facts.udp.kind = tunnel->kind;
      facts.tunnels[tunnel->family] =
          Tunnel{.link = link.name, .port = tunnel->port, .addresses = {}, .uplinks = uplinks};
    }
  }
  const auto inodes = inodes_of_port(
      facts.udp.port, fmt::format("{}{}", base::read_file("/proc/net/udp", kMaxProcBytes).value_or(""),
                                  base::read_file("/proc/net/udp6", kMaxProcBytes).value_or("")));
  facts.udp.is_bound = !inodes.empty();
  facts.udp.owner = find_socket_owner(inodes);
  return facts;
}

std::vector<std::string> read_ipv6_off(std::vector<std::string> links) {
  std::vector<std::string> names{"all", "default"};
  std::move(links.begin(), links.end(), std::back_inserter(names));
  std::erase_if(names, [](const std::string& name) {
    return netlink::read_sysctl(fmt::format("net/ipv6/conf/{}/disable_ipv6", name)).value_or("0") == "0";
  });
  return names;
}

}  // namespace flanneld
