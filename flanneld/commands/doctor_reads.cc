#include "flanneld/commands/doctor_reads.h"

#include <fmt/format.h>
#include <linux/netlink.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "common/base/file.h"
#include "common/guard/survey.h"
#include "common/netlink/sysctl.h"
#include "flanneld/backend/wireguard.h"
#include "flanneld/kernel/device.h"
#include "flanneld/kernel/wireguard_access.h"

namespace flanneld {

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

std::vector<std::string> read_ipv6_off(std::vector<std::string> links) {
  std::vector<std::string> names{"all", "default"};
  std::move(links.begin(), links.end(), std::back_inserter(names));
  std::erase_if(names, [](const std::string& name) {
    return netlink::read_sysctl(fmt::format("net/ipv6/conf/{}/disable_ipv6", name)).value_or("0") == "0";
  });
  return names;
}

}  // namespace flanneld
