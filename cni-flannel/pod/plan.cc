#include "cni-flannel/pod/plan.h"

#include <algorithm>
#include <array>

#include "common/base/hash.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

using base::Family;
using base::IpAddress;

std::optional<IpAddress> first_gateway(const Plan& plan, Family family) {
  for (const cni::IpConfig& ip : plan.result_ips)
    if (ip.gateway && ip.gateway->family() == family) return ip.gateway;
  return std::nullopt;
}

bool has_default_route(const std::vector<cni::Route>& routes, Family family) {
  return std::any_of(routes.begin(), routes.end(), [&](const cni::Route& route) {
    return !route.table && route.dst.network() == base::default_route(family);
  });
}

void add_ip(Plan& plan, const PodConf& conf, cni::IpConfig ip, int container_interface) {
  const Family family = ip.address.address.family();
  ip.interface = container_interface;
  if (!ip.gateway && conf.is_gateway) ip.gateway = ip.address.network().address.next();
  plan.container_addresses.push_back(ip.address);
  if (conf.is_gateway) {
    const base::IpNet gateway{*ip.gateway, ip.address.prefix};
    if (std::find(plan.gateway_addresses.begin(), plan.gateway_addresses.end(), gateway) ==
        plan.gateway_addresses.end())
      plan.gateway_addresses.push_back(gateway);
  }
  if (conf.is_default_gateway && !has_default_route(plan.result_routes, family))
    plan.result_routes.push_back(
        {base::default_route(family), ip.gateway, 0, 0, 0, std::nullopt, std::nullopt});
  plan.result_ips.push_back(ip);
}

netlink::Route resolve(const cni::Route& route, const Plan& plan) {
  netlink::Route spec{.dst = route.dst,
                      .gw = route.gw,
                      .protocol = netlink::kProtocolBoot,
                      .priority = route.priority,
                      .scope = static_cast<uint8_t>(route.scope.value_or(0)),
                      .table = route.table.value_or(netlink::kMainTable),
                      .mtu = route.mtu,
                      .advmss = route.advmss};
  constexpr uint32_t kLinkScope = 253;  // RT_SCOPE_LINK: on the wire itself, by no gateway
  if (!spec.gw && route.scope != kLinkScope) spec.gw = first_gateway(plan, route.dst.address.family());
  return spec;
}

IpAddress first_v4(const Plan& plan) {
  return std::find_if(plan.container_addresses.begin(), plan.container_addresses.end(),
                      [](const base::IpNet& net) { return net.address.is_v4(); })
      ->address;
}

}  // namespace

base::MacAddress mac_of_address(const IpAddress& address) {
  std::array<uint8_t, 4> last{};
  if (address.is_v4()) {
    std::copy_n(address.data(), last.size(), last.begin());
  } else {
    const uint32_t hash = base::fnv1a_32({reinterpret_cast<const char*>(address.data()), address.size()});
    for (size_t place = 0; place < last.size(); ++place)
      last[place] = static_cast<uint8_t>(hash >> (8 * place));
  }
  return {{0x0a, 0x58, last[0], last[1], last[2], last[3]}};
}

Plan make_plan(const PodConf& conf, const cni::Result& ipam, const base::MacAddress& mac,
               int container_interface) {
  if (ipam.ips.empty())
    throw cni::Error(cni::ErrorCode::delegate_failed, "the IPAM plugin returned no IP address",
                     "check the key 'ipam' of the network configuration");
  Plan plan;
  plan.result_routes = ipam.routes;
  for (const cni::IpConfig& ip : ipam.ips) add_ip(plan, conf, ip, container_interface);
  for (const cni::Route& route : plan.result_routes) plan.container_routes.push_back(resolve(route, plan));
  plan.families = families_of(plan.container_addresses);
  plan.container_mac = conf.mac_follows_address(plan.families) ? mac_of_address(first_v4(plan)) : mac;
  plan.dns = conf.dns.empty() ? ipam.dns : conf.dns;
  return plan;
}

}  // namespace flannel
