#include "cni-flannel/pod/mixed_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/flannel/names.h"
#include "common/guard/routed.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/route.h"
#include "common/netlink/steps.h"
#include "common/netlink/sysctl.h"

namespace flannel {
namespace {

using base::Family;
using base::IpAddress;
using netlink::NetlinkSocket;

constexpr uint8_t kProtocol = 95;  // with which the kernel keeps an entry of ours

/// Answers ARP for what the node routes elsewhere, at once: by default it would wait up to 0.8 s. For IPv6 it
/// takes an entry for each address besides.
void switch_answers_on(const std::string& bridge) {
  netlink::try_sysctl(fmt::format("net/ipv4/conf/{}/proxy_arp", bridge), "1");
  netlink::try_sysctl(fmt::format("net/ipv4/neigh/{}/proxy_delay", bridge), "0");
  netlink::try_sysctl(fmt::format("net/ipv6/conf/{}/proxy_ndp", bridge), "1");
  netlink::try_sysctl(fmt::format("net/ipv6/neigh/{}/proxy_delay", bridge), "0");
}

/// Sends them all; a refused one is not worth an ADD or a DEL.
template <class Request>
void send_for(NetlinkSocket& host, const std::vector<IpAddress>& addresses, const Request& request) {
  netlink::Steps steps;
  for (const IpAddress& address : addresses)
    if (!address.is_v4()) steps.add(request(address), fmt::format("answer for {}", address));
  steps.send(host);
}

void put_answers(NetlinkSocket& host, int bridge, const std::vector<IpAddress>& addresses) {
  send_for(host, addresses, [&](const IpAddress& address) {
    return netlink::put_proxy_request({bridge, address, kProtocol});
  });
}

void remove_answers(NetlinkSocket& host, int bridge, const std::vector<IpAddress>& addresses) {
  send_for(host, addresses,
           [&](const IpAddress& address) { return netlink::remove_proxy_request(bridge, address); });
}

/// The links that pods have of their own.
std::set<int> links_of_pods(NetlinkSocket& host) {
  std::set<int> links;
  for (const netlink::Link& link : netlink::all_links(host))
    if (link.group == guard::kRoutedGroup) links.insert(link.ifindex);
  return links;
}

/// The IPv6 addresses of the pods on these links.
std::set<IpAddress> addresses_on(NetlinkSocket& host, const std::set<int>& links) {
  std::set<IpAddress> addresses;
  for (const netlink::Route& route : netlink::main_routes(host, Family::v6))
    if (links.contains(route.ifindex) && route.protocol == netlink::kProtocolBoot)
      addresses.insert(route.dst.address);
  return addresses;
}

bool is_on_link(NetlinkSocket& host, const IpAddress& address) {
  const auto route = netlink::route_toward(host, address);
  const auto link = route ? netlink::find_link(host, route->ifindex) : std::nullopt;
  return link && link->group == guard::kRoutedGroup;
}

std::vector<IpAddress> without_lengths(const std::vector<base::IpNet>& nets) {
  std::vector<IpAddress> addresses;
  addresses.reserve(nets.size());
  for (const base::IpNet& net : nets) addresses.push_back(net.address);
  return addresses;
}

}  // namespace

std::string bridge_name(const json::Value& config) {
  const json::Value* value = json::find(config, "bridge");
  return value && value->is_string() ? value->get<std::string>() : kPodBridge;
}

void answer_for_pod(NetlinkSocket& host, const std::string& bridge, const Plan& plan) {
  const auto ifindex = netlink::find_ifindex(host, bridge);
  if (!ifindex) return;
  switch_answers_on(bridge);
  put_answers(host, *ifindex, without_lengths(plan.container_addresses));
}

void answer_no_more(NetlinkSocket& host, const std::string& bridge,
                    const std::vector<base::IpNet>& addresses) {
  if (const auto ifindex = netlink::find_ifindex(host, bridge))
    remove_answers(host, *ifindex, without_lengths(addresses));
}

void answer_no_more_for_gone(NetlinkSocket& host, const std::string& bridge,
                             std::vector<IpAddress> addresses) {
  const auto ifindex = netlink::find_ifindex(host, bridge);
  if (!ifindex) return;
  std::erase_if(addresses, [&](const IpAddress& one) { return one.is_v4() || is_on_link(host, one); });
  remove_answers(host, *ifindex, addresses);
}

void answer_for_pods_on_links(NetlinkSocket& host, const netlink::Link& bridge) {
  const std::set<int> links = links_of_pods(host);
  if (links.empty()) return;
  switch_answers_on(bridge.name);
  const std::set<IpAddress> pods = addresses_on(host, links);
  put_answers(host, bridge.ifindex, {pods.begin(), pods.end()});
}

void collect_answers(const std::string& bridge) {
  NetlinkSocket host = NetlinkSocket::open();
  const auto ifindex = netlink::find_ifindex(host, bridge);
  if (!ifindex) return;
  // Looked up first: a pod gets its route before it is answered for.
  const auto entries = netlink::proxy_entries_of(host, *ifindex, Family::v6);
  if (entries.empty()) return;
  const std::set<IpAddress> pods = addresses_on(host, links_of_pods(host));
  std::vector<IpAddress> stale;
  for (const netlink::ProxyEntry& one : entries)
    if (one.protocol == kProtocol && !pods.contains(one.address)) stale.push_back(one.address);
  remove_answers(host, *ifindex, stale);
}

}  // namespace flannel
