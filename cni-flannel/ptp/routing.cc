#include "cni-flannel/ptp/routing.h"

#include <algorithm>

namespace flannel::ptp {
namespace {

constexpr uint8_t kLinkScope = 253, kHostScope = 254;  // RT_SCOPE_LINK, RT_SCOPE_HOST

base::IpNet host(const base::IpAddress& address) { return {address, static_cast<uint8_t>(address.bits())}; }

}  // namespace

void route_by_gateways(Plan& plan) {
  plan.prefix_routes = netlink::PrefixRoute::no;
  std::vector<netlink::Route> routes;
  for (const cni::IpConfig& ip : plan.result_ips) {
    const base::IpAddress& source = ip.address.address;
    routes.push_back({.dst = host(*ip.gateway),
                      .protocol = netlink::kProtocolBoot,
                      .scope = static_cast<uint8_t>(source.is_v4() ? kLinkScope : 0),
                      .prefsrc = source});
    routes.push_back({.dst = ip.address.network(),
                      .gw = ip.gateway,
                      .protocol = netlink::kProtocolBoot,
                      .prefsrc = source});
  }
  plan.container_routes.insert(plan.container_routes.begin(), routes.begin(), routes.end());
}

HostSide host_side(const Plan& plan, int ifindex) {
  HostSide side;
  for (const cni::IpConfig& ip : plan.result_ips) {
    const base::IpAddress& address = ip.address.address;
    if (const base::IpNet gateway = host(*ip.gateway);
        std::find(side.gateways.begin(), side.gateways.end(), gateway) == side.gateways.end())
      side.gateways.push_back(gateway);
    side.routes.push_back({.dst = host(address),
                           .ifindex = ifindex,
                           .protocol = netlink::kProtocolBoot,
                           .scope = static_cast<uint8_t>(address.is_v4() ? kHostScope : 0)});
    side.neighbours.push_back({ifindex, address, plan.container_mac});
  }
  return side;
}

}  // namespace flannel::ptp
