#include "cni-flannel/bandwidth/shaping.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/rollback.h"
#include "common/cni/error.h"
#include "common/netlink/traffic_control.h"

namespace flannel::bandwidth {
namespace {

constexpr const char* kIfbKind = "ifb";

/// Another one may have the name, by hand or by chance.
netlink::Link make_ifb(netlink::NetlinkSocket& host, const std::string& name, uint32_t mtu) {
  netlink::create_ifb(host, name, mtu);
  const auto link = netlink::find_link(host, name);
  if (!link || link->kind != kIfbKind)
    throw cni::Error(cni::ErrorCode::conflict,
                     fmt::format("link '{}', which is to limit what the pod sends, is no IFB", name),
                     "remove it, or rename it");
  if (!link->is_up()) netlink::set_up(host, *link);
  return *link;
}

void check_bucket(netlink::NetlinkSocket& host, const netlink::Link& link, const Limit& limit,
                  const char* direction) {
  const auto found = netlink::find_token_bucket(host, link);
  netlink::TokenBucket wanted = make_token_bucket(limit);
  const bool is_long = wanted.burst != 0;  // then the kernel shows only a part of how long it lasts
  if (found && found->rate == wanted.rate && found->limit == wanted.limit &&
      (is_long || found->buffer == wanted.buffer))
    return;
  throw cni::Error(
      cni::ErrorCode::check_failed,
      fmt::format("link '{}' does not limit the pod's {} to {} bit/s", link.name, direction, limit.rate),
      found ? fmt::format("its limit is {} bytes a second, {} bytes wait at most", found->rate, found->limit)
            : "it has no token bucket; somebody has removed it, and the pod has to be made anew");
}

}  // namespace

void shape(netlink::NetlinkSocket& host, const netlink::Link& host_end, const std::string& ifb,
           const Limits& limits, cni::Result& result) {
  if (limits.ingress.is_set()) netlink::set_token_bucket(host, host_end, make_token_bucket(limits.ingress));
  if (!limits.egress.is_set()) return;
  base::Rollback undo;
  undo.push([&] { unshape(host, ifb); });
  const netlink::Link device = make_ifb(host, ifb, host_end.mtu);
  netlink::set_token_bucket(host, device, make_token_bucket(limits.egress));
  netlink::redirect_ingress(host, host_end, device.ifindex);
  undo.commit();
  result.interfaces.push_back({.name = device.name,
                               .mac = device.mac.str(),
                               .mtu = 0,  // not told, as by the reference
                               .sandbox = {},
                               .socket_path = {},
                               .pci_id = {}});
}

void unshape(netlink::NetlinkSocket& host, const std::string& ifb) {
  const auto link = netlink::find_link(host, ifb);
  if (link && link->kind == kIfbKind) netlink::remove_link(host, ifb);
}

void check_shaping(netlink::NetlinkSocket& host, const netlink::Link& host_end, const std::string& ifb,
                   const Limits& limits) {
  if (limits.ingress.is_set()) check_bucket(host, host_end, limits.ingress, "incoming packets");
  if (!limits.egress.is_set()) return;
  const auto device = netlink::find_link(host, ifb);
  if (!device)
    throw cni::Error(cni::ErrorCode::check_failed,
                     fmt::format("there is no link '{}' to limit what the pod sends", ifb),
                     "somebody has removed it; the pod has to be made anew");
  check_bucket(host, *device, limits.egress, "outgoing packets");
}

void collect_ifbs(netlink::NetlinkSocket& host, const std::string& network,
                  const std::vector<cni::Attachment>& valid) {
  std::vector<netlink::Link> candidates;
  for (netlink::Link& link : netlink::all_links(host)) {
    const bool is_valid = std::any_of(valid.begin(), valid.end(), [&](const cni::Attachment& one) {
      return ifb_name(network, one.container_id) == link.name;
    });
    if (link.kind == kIfbKind && link.name.starts_with(kIfbPrefix) && !is_valid)
      candidates.push_back(std::move(link));
  }
  if (candidates.empty()) return;
  const std::vector<int> used = netlink::redirection_targets(host);
  for (const netlink::Link& link : candidates)
    if (std::find(used.begin(), used.end(), link.ifindex) == used.end())
      netlink::remove_link(host, link.name);
}

}  // namespace flannel::bandwidth
