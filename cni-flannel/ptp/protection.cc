#include "cni-flannel/ptp/protection.h"

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/guard/routed.h"
#include "common/netfilter/nft_socket.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/steps.h"

namespace flannel::ptp {
namespace {

void fix_neighbour(netlink::Steps& steps, const netlink::Neighbour& neighbour) {
  steps.add(netlink::put_neighbour_request(neighbour),
            fmt::format("fix the neighbour entry of {}", neighbour.address));
}

}  // namespace

bool ensure_rules(std::optional<netlink::NetlinkSocket>& nft) {
  return nft && guard::ensure_routed_rules(*nft);
}

void repair_protection(netlink::NetlinkSocket& host, CheckedPod& pod) {
  auto nft = netfilter::open_nft_socket();
  ensure_rules(nft);
  netlink::Steps inside, outside;
  for (const cni::IpConfig& ip : pod.result.ips)
    if (ip.gateway) fix_neighbour(inside, {pod.container.ifindex, *ip.gateway, pod.host_end.mac});
  inside.run(pod.inside.socket, 0);
  for (const base::IpNet& net : pod.addresses)
    fix_neighbour(outside, {pod.host_end.ifindex, net.address, pod.container.mac});
  outside.add(netlink::group_request(pod.host_end.ifindex, guard::kRoutedGroup, false),
              fmt::format("guard link {}", base::quoted(pod.host_end.name)));
  outside.run(host, 0);
}

std::string missing_protection() {
  try {
    auto nft = netfilter::open_nft_socket();
    if (ensure_rules(nft)) return {};
  } catch (const netlink::NetlinkError&) {
    return {};
  }
  return "the kernel has no nf_tables that can look up routes (CONFIG_NFT_FIB_INET): a pod of type ptp can "
         "send under the IPv6 addresses of others";
}

}  // namespace flannel::ptp
