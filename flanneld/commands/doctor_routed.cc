#include "flanneld/commands/doctor_routed.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "common/base/text.h"
#include "common/guard/routed.h"
#include "common/netfilter/nft_socket.h"
#include "common/netlink/address.h"
#include "common/netlink/link.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/route.h"

namespace flanneld {
namespace {

using base::Family;
using base::IpAddress;
using State = Finding::State;
using Link = RoutedPodFacts::Link;

constexpr const char* kRoutedPods = "routed pods";
constexpr size_t kNamed = 10;
constexpr const char* kNewPod = "delete the pod: its successor gets all that it needs";

bool has_family(const std::vector<IpAddress>& addresses, Family family) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [family](const IpAddress& one) { return one.family() == family; });
}

Finding forwards_nothing(const Link& link, Family family) {
  const std::string setting =
      fmt::format("net/{}/conf/{}/forwarding", family == Family::v4 ? "ipv4" : "ipv6", link.name);
  const Repair repair{Repair::Kind::set_sysctl, setting, "1"};
  return {State::fail,
          kRoutedPods,
          fmt::format("the node does not forward {} that comes by {}", family == Family::v4 ? "IPv4" : "IPv6",
                      base::quoted(link.name)),
          repair_text(repair),
          {repair}};
}

/// The first fault of a link; nullopt: none.
std::optional<Finding> check_link(const Link& link) {
  const std::string name = base::quoted(link.name);
  if (!link.is_up) {
    const Repair repair{Repair::Kind::set_link_up, link.name};
    // The kernel has dropped the routes with it.
    return Finding{State::fail, kRoutedPods, fmt::format("{} is down: its pod reaches nobody", name),
                   fmt::format("{}, or better: {}", repair_text(repair), kNewPod)};
  }
  if (link.pods.empty() && link.routed.empty())
    return Finding{State::fail, kRoutedPods, fmt::format("the node has no way to the pod behind {}", name),
                   kNewPod};
  for (const IpAddress& pod : link.pods)
    if (std::find(link.routed.begin(), link.routed.end(), pod) == link.routed.end())
      return Finding{State::fail, kRoutedPods, fmt::format("the node does not send to {} by {}", pod, name),
                     fmt::format("ip route replace {} dev {}", pod, link.name)};
  for (const Family family : base::kFamilies) {
    if (!has_family(link.routed, family)) continue;
    if (!has_family(link.gateways, family))
      return Finding{State::fail, kRoutedPods,
                     fmt::format("{} has no address of the gateway, which its pod sends everything by", name),
                     kNewPod};
    if (!(family == Family::v4 ? link.forwards_ipv4 : link.forwards_ipv6))
      return forwards_nothing(link, family);
  }
  return std::nullopt;
}

std::map<int, Link> read_links(netlink::NetlinkSocket& socket) {
  std::map<int, Link> links;
  for (const netlink::Link& link : netlink::all_links(socket))
    if (link.group == guard::kRoutedGroup)
      links[link.ifindex] = {.name = link.name,
                             .is_up = link.is_up(),
                             .forwards_ipv4 = link.forwards_ipv4,
                             .forwards_ipv6 = !link.ipv6 || link.ipv6->forwarding};
  return links;
}

}  // namespace

RoutedPodFacts read_routed_pods(netlink::NetlinkSocket& socket, const std::vector<base::IpNet>& subnets) {
  std::map<int, Link> links = read_links(socket);
  RoutedPodFacts facts;
  if (links.empty()) return facts;
  for (const netlink::Address& address : netlink::all_addresses(socket))
    if (const auto link = links.find(address.ifindex);
        link != links.end() && !address.net.address.is_link_local())
      link->second.gateways.push_back(address.net.address);
  facts.subnets = subnets;
  for (const Family family : base::kFamilies) {
    for (const netlink::Route& route : netlink::main_routes(socket, family)) {
      std::erase_if(facts.subnets, [&](const base::IpNet& net) { return net.network() == route.dst; });
      const auto link = links.find(route.ifindex);
      if (link != links.end() && route.dst.prefix == route.dst.address.bits())
        link->second.routed.push_back(route.dst.address);
    }
    for (auto& [ifindex, link] : links)
      for (const netlink::Neighbour& one : netlink::neighbours_of(socket, ifindex, family))
        if (one.permanent && !one.address.is_multicast() && !one.address.is_link_local())
          link.pods.push_back(one.address);
  }
  // The kernel's own route to the gateway's address of IPv6.
  for (auto& [ifindex, link] : links)
    std::erase_if(link.routed, [&one = link.gateways](const IpAddress& address) {
      return std::find(one.begin(), one.end(), address) != one.end();
    });
  auto nft = netfilter::open_nft_socket();
  facts.has_rules = nft && guard::has_routed_rules(*nft);
  for (auto& [ifindex, link] : links) facts.links.push_back(std::move(link));
  return facts;
}

std::vector<Finding> check_routed_pods(const RoutedPodFacts& facts) {
  if (facts.links.empty()) return {};
  std::vector<Finding> findings;
  if (!facts.has_rules)
    findings.push_back(
        {State::warn, kRoutedPods, "the rules that keep them to their own addresses are missing",
         "flanneld makes them while it runs, and so does the next pod, where the kernel can look "
         "up routes in nf_tables (CONFIG_NFT_FIB_INET)"});
  size_t faulty = 0;
  for (const Link& link : facts.links)
    if (auto finding = check_link(link); finding && ++faulty <= kNamed)
      findings.push_back(std::move(*finding));
  if (faulty > kNamed)
    findings.push_back({State::fail, kRoutedPods, fmt::format("so {} more", faulty - kNamed)});
  for (const base::IpNet& subnet : facts.subnets)
    findings.push_back({State::warn, kRoutedPods,
                        fmt::format("what is sent to an address of {} that no pod has leaves the node by its "
                                    "default route",
                                    subnet.network()),
                        "give flanneld --ip-blackhole-route"});
  if (findings.empty())
    findings.push_back({State::ok, kRoutedPods,
                        fmt::format("{} are reached, and kept to their addresses", facts.links.size())});
  return findings;
}

}  // namespace flanneld
