// ADD of the built-in delegate `ptp`.
#include <fmt/format.h>

#include <cerrno>
#include <chrono>

#include "cni-flannel/pod/attach.h"
#include "cni-flannel/pod/container.h"
#include "cni-flannel/pod/host_veth.h"
#include "cni-flannel/pod/mixed_node.h"
#include "cni-flannel/pod/node_settings.h"
#include "cni-flannel/pod/plan.h"
#include "cni-flannel/ptp/conf.h"
#include "cni-flannel/ptp/protection.h"
#include "cni-flannel/ptp/routing.h"
#include "cni-flannel/ptp/verbs.h"
#include "common/base/rollback.h"
#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/guard/routed.h"
#include "common/netfilter/nft_socket.h"
#include "common/netlink/address.h"
#include "common/netlink/error.h"
#include "common/netlink/steps.h"

namespace flannel::ptp {
namespace {

constexpr int kContainerInterface = 1;  // in the result: host veth, container
constexpr std::chrono::milliseconds kOperationalTime{2500};

HostVeth create_link(netlink::NetlinkSocket& host, const PodConf& conf, const netlink::Netns& netns,
                     const cni::Request& request, const base::MacAddress& container_mac) {
  return create_host_veth(
      host, request,
      {.local = {},
       .peer = {request.attachment.ifname, container_mac},
       .peer_netns = &netns,
       .mtu = conf.mtu,
       .group = guard::kRoutedGroup,
       .resolves = false},
      {.create = [&](const netlink::VethPair& pair) { return netlink::create_veth(host, pair); },
       .finish =
           [&](const std::string& name, const std::string& alias) {
             const auto link = netlink::find_link(host, name);
             if (!link)
               throw netlink::NetlinkError(ENODEV, fmt::format("set up link {}", base::quoted(name)), "");
             netlink::set_alias(host, *link, alias);
             ensure_link_settings(conf, *link);
           }});
}

/// The gateway's addresses, the way to the pod, and its neighbour entries. Everything goes with the link.
void route_to_pod(netlink::NetlinkSocket& host, const Plan& plan, const std::string& name) {
  const auto ifindex = netlink::find_ifindex(host, name);
  if (!ifindex) throw netlink::NetlinkError(ENODEV, fmt::format("route to {}", base::quoted(name)), "");
  const HostSide side = host_side(plan, *ifindex);
  netlink::Steps steps;
  for (const base::IpNet& gateway : side.gateways)
    steps.add(netlink::add_address_request(*ifindex, gateway, netlink::Dad::no),
              fmt::format("add address {} to link {}", gateway, base::quoted(name)));
  for (const netlink::Neighbour& one : side.neighbours)
    steps.add(netlink::put_neighbour_request(one),
              fmt::format("fix the node's neighbour entry of {}", one.address));
  for (const netlink::Route& route : side.routes)
    steps.add(netlink::add_route_request(route),
              fmt::format("add route {} to link {}", route.str(), base::quoted(name)));
  steps.run(host, 0);
}

/// A pod whose link leads to the node alone needs none of the settings that a port of a bridge needs, but for
/// IPv6 where its runtime switched that off. The kernel finds a setting below /proc/sys/net among those of
/// all namespaces of which one was ever opened: with thousands of pods each would take longer.
void ensure_ipv6(Container& container, const std::string& ifname, const PodConf& conf, Families families) {
  const auto link = families.v6 ? netlink::find_link(container.socket, ifname) : std::nullopt;
  if (link && link->ipv6 && link->ipv6->disabled) set_interface_options(container, ifname, conf, families);
}

}  // namespace

cni::Result add(const cni::Request& request, const Ipam& ipam, Container& container,
                const std::vector<base::IpNet>& networks) {
  PodConf conf = parse_conf(request);
  conf.networks = networks;
  const base::MacAddress born_mac = conf.mac.value_or(base::MacAddress::random());
  const std::string& ifname = request.attachment.ifname;
  const Families expected = families_of(conf.subnets);

  // All that needs no address is done while the IPAM plugin runs.
  const auto addresses = ipam.start_add(request);
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  base::Rollback undo;
  auto nft = netfilter::open_nft_socket();
  ensure_rules(nft);
  ensure_node_forwards(host, conf);
  const HostVeth veth = create_link(host, conf, container.netns, request, born_mac);
  undo.push([&host, veth] { remove_host_veth(host, veth); });

  Plan plan = make_plan(conf, addresses->finish(), born_mac, kContainerInterface);
  route_by_gateways(plan);
  for (const base::Family family : base::kFamilies)
    if (plan.families.has(family) && !expected.has(family)) ensure_node_forwards(host, family);
  ensure_ipv6(container, ifname, conf, plan.families);
  route_to_pod(host, plan, veth.name);
  answer_for_pod(host, bridge_name(request.config), plan);
  configure_container(container, ifname, conf, plan, veth.mac);
  masquerade_pod(request, conf, plan, undo);

  // Before, the kernel drops what is sent into the link.
  const auto host_end = netlink::wait_operational(host, veth.name, kOperationalTime);
  if (!host_end)
    throw cni::Error(cni::ErrorCode::kernel_refused,
                     fmt::format("link {} does not become operational", base::quoted(veth.name)),
                     "somebody has removed it or set it down");
  cni::Result result = make_result(request, plan, {*host_end}, *host_end);
  undo.commit();
  addresses->keep();
  return result;
}

}  // namespace flannel::ptp
