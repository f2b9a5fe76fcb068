#include "cni-flannel/plan.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "common/cni/error.h"

namespace flannel {
namespace {

using base::Family;
using base::IpAddress;

constexpr size_t kMaxAlias = 255;  // IFALIASZ - 1

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

void add_ip(Plan& plan, const BridgeConf& conf, cni::IpConfig ip) {
  const Family family = ip.address.address.family();
  ip.interface = kContainerInterface;
  if (!ip.gateway && conf.is_gateway) ip.gateway = ip.address.network().address.next();
  plan.pod_addresses.push_back(ip.address);
  if (conf.is_gateway) {
    const base::IpNet gateway{*ip.gateway, ip.address.prefix};
    if (std::find(plan.bridge_addresses.begin(), plan.bridge_addresses.end(), gateway) ==
        plan.bridge_addresses.end())
      plan.bridge_addresses.push_back(gateway);
  }
  if (conf.is_default_gateway && !has_default_route(plan.result_routes, family))
    plan.result_routes.push_back(
        {base::default_route(family), ip.gateway, 0, 0, 0, std::nullopt, std::nullopt});
  plan.result_ips.push_back(ip);
}

netlink::RouteSpec resolve(const cni::Route& route, const Plan& plan) {
  netlink::RouteSpec spec{route.dst,   route.gw,  route.priority, route.table,
                          route.scope, route.mtu, route.advmss};
  constexpr uint32_t kLinkScope = 253;  // RT_SCOPE_LINK: on the wire itself, by no gateway
  if (!spec.gw && route.scope != kLinkScope) spec.gw = first_gateway(plan, route.dst.address.family());
  return spec;
}

}  // namespace

bool Plan::has_family(Family family) const {
  return std::any_of(pod_addresses.begin(), pod_addresses.end(),
                     [&](const base::IpNet& net) { return net.address.family() == family; });
}

Plan make_plan(const BridgeConf& conf, const cni::Result& ipam) {
  if (ipam.ips.empty())
    throw cni::Error(cni::ErrorCode::delegate_failed, "the IPAM plugin returned no IP address",
                     "check the key 'ipam' of the network configuration");
  Plan plan;
  plan.result_routes = ipam.routes;
  for (const cni::IpConfig& ip : ipam.ips) add_ip(plan, conf, ip);
  for (const cni::Route& route : plan.result_routes) plan.pod_routes.push_back(resolve(route, plan));
  plan.dns = conf.dns.empty() ? ipam.dns : conf.dns;
  return plan;
}

std::string host_veth_name(const cni::Attachment& attachment, unsigned attempt) {
  uint32_t hash = 2166136261U + attempt;  // FNV-1a
  for (const char c : attachment.container_id + "/" + attachment.ifname)
    hash = (hash ^ static_cast<uint8_t>(c)) * 16777619U;
  std::array<char, 16> name{};
  std::snprintf(name.data(), name.size(), "veth%08x", hash);
  return name.data();
}

std::string link_alias(const std::string& network, const cni::Attachment& attachment) {
  return (network + "/" + attachment.container_id + "/" + attachment.ifname).substr(0, kMaxAlias);
}

}  // namespace flannel
