// The verbs but ADD.
#include "cni-flannel/ptp/verbs.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "cni-flannel/filter/masquerade.h"
#include "cni-flannel/pod/check.h"
#include "cni-flannel/pod/host_veth.h"
#include "cni-flannel/pod/mixed_node.h"
#include "cni-flannel/pod/node_settings.h"
#include "cni-flannel/pod/remove_pair.h"
#include "cni-flannel/pod/take_down.h"
#include "cni-flannel/ptp/conf.h"
#include "cni-flannel/ptp/protection.h"
#include "cni-ipam/holders.h"
#include "common/base/text.h"
#include "common/netlink/route.h"

namespace flannel::ptp {
namespace {

/// Whether the node sends to each of the pod's addresses by its link.
void check_routes_to(netlink::NetlinkSocket& host, const CheckedPod& pod) {
  for (const base::IpNet& net : pod.addresses) {
    const auto route = netlink::route_toward(host, net.address);
    if (!route || route->ifindex != pod.host_end.ifindex)
      fail_check(
          fmt::format("the node does not send to {} by {}", net.address, base::quoted(pod.host_end.name)));
  }
}

/// By prevResult, or by the leases where there is none. What neither tells is left to GC.
void answer_no_more(const cni::Request& request) {
  std::vector<base::IpAddress> addresses;
  if (const auto result = lenient_result(request))
    for (const cni::IpConfig& ip : result->ips) addresses.push_back(ip.address.address);
  else
    addresses = ipam::addresses_of(request);
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  answer_no_more_for_gone(host, bridge_name(request.config), std::move(addresses));
}

void remove_stale_links(const cni::Request& request, const std::vector<cni::Attachment>& valid) {
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  std::vector<netlink::Link> links = netlink::all_links(host);
  std::erase_if(links, [](const netlink::Link& link) { return link.master != 0; });
  remove_stale_veths(host, links, request.network, valid);
}

}  // namespace

void del(const cni::Request& request, const Ipam& ipam) {
  cni::Attempts attempts;
  // What protects others goes with the link.
  take_down(request, ipam, attempts,
            [&](const std::optional<std::string>& /*port*/) { answer_no_more(request); });
  attempts.throw_if_any();
}

void check(const cni::Request& request, const Ipam& ipam) {
  const PodConf conf = parse_conf(request);
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  CheckedPod pod = check_pod(request, conf, ipam, host);
  check_gateways(host, pod.result, pod.host_end);
  check_routes_to(host, pod);
  repair_protection(host, pod);
}

void gc(const cni::Request& request, const Ipam& ipam) {
  const PodConf conf = parse_conf(request);
  const auto valid = request.valid_attachments();
  cni::Attempts attempts;
  attempts.run("remove links of pods that are gone", [&] { remove_stale_links(request, valid); });
  attempts.run("answer for pods that are gone no more",
               [&] { collect_answers(bridge_name(request.config)); });
  attempts.run("GC of addresses", [&] { ipam.gc(request); });
  attempts.run("remove masquerade rules",
               [&] { collect_masquerade(conf.masquerade_backend, request.network, valid); });
  attempts.throw_if_any();
}

void status(const cni::Request& request, const Ipam& ipam) {
  const PodConf conf = parse_conf(request);
  check_node_settings(conf, std::nullopt);
  ipam.status(request);
  // For the runtime's log: an error would take the node's pods away.
  if (const std::string lack = missing_protection(); !lack.empty()) fmt::print(stderr, "flannel: {}\n", lack);
}

}  // namespace flannel::ptp
