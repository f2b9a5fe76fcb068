#include "cni-flannel/pod/attach.h"

#include "cni-flannel/filter/masquerade.h"
#include "common/netlink/route.h"

namespace flannel {

void masquerade_pod(const cni::Request& request, const PodConf& conf, const Plan& plan,
                    base::Rollback& undo) {
  if (!conf.ip_masq) return;
  undo.push([&request, backend = conf.masquerade_backend] {
    remove_masquerade(backend, request.network, request.attachment);
  });
  add_masquerade(conf.masquerade_backend, request.network, request.attachment,
                 make_masquerade_rules(plan.container_addresses, conf.networks));
}

void wait_for_gateways(netlink::NetlinkSocket& host, const Plan& plan) {
  for (const base::IpNet& gateway : plan.gateway_addresses)
    if (!gateway.address.is_v4()) netlink::wait_local(host, nullptr, gateway.address);
}

cni::Interface listed(const netlink::Link& link) {
  return {.name = link.name,
          .mac = link.mac.str(),
          .mtu = link.mtu,
          .sandbox = {},
          .socket_path = {},
          .pci_id = {}};
}

cni::Result make_result(const cni::Request& request, const Plan& plan,
                        const std::vector<netlink::Link>& host_links, const netlink::Link& host_end) {
  cni::Result result;
  for (const netlink::Link& link : host_links) result.interfaces.push_back(listed(link));
  result.interfaces.push_back({.name = request.attachment.ifname,
                               .mac = plan.container_mac.str(),
                               .mtu = host_end.mtu,
                               .sandbox = request.netns,
                               .socket_path = {},
                               .pci_id = {}});
  result.ips = plan.result_ips;
  result.routes = plan.result_routes;
  result.dns = plan.dns;
  return result;
}

}  // namespace flannel
