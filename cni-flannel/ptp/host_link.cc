#include "cni-flannel/ptp/host_link.h"

#include <fmt/format.h>

#include <cerrno>

#include "cni-flannel/pod/node_settings.h"
#include "cni-flannel/ptp/routing.h"
#include "common/base/text.h"
#include "common/guard/routed.h"
#include "common/netlink/address.h"
#include "common/netlink/error.h"
#include "common/netlink/steps.h"
#include "common/netlink/sysctl.h"

namespace flannel::ptp {
namespace {

std::string ipv6_switch(const std::string& link) {
  return fmt::format("net/ipv6/conf/{}/disable_ipv6", link);
}

/// What the kernel takes only of a link that exists. All the routes of IPv6 that there are it looks at each
/// time something about a link changes that is up, and has no carrier: with thousands of pods that would take
/// longer than the rest. So the link is still down, and gets no link-local address, which is a route or three
/// and has no use there (the rules of common/guard/routed.h drop what comes from one).
void prepare_link(netlink::NetlinkSocket& host, const PodConf& conf, const std::string& name,
                  const std::string& alias) {
  auto link = netlink::find_link(host, name);
  if (!link) throw netlink::NetlinkError(ENODEV, fmt::format("set up link {}", base::quoted(name)), "");
  netlink::Steps steps;
  steps.add(netlink::alias_request(link->ifindex, alias),
            fmt::format("set the alias of link {}", base::quoted(name)));
  if (link->ipv6)
    steps.add(netlink::no_link_local_request(link->ifindex),
              fmt::format("have no link-local address on link {}", base::quoted(name)));
  steps.run(host, 0);
  const bool is_for_v4 = families_of(conf.subnets) == Families{.v4 = true, .v6 = false};
  if (link->ipv6 && is_for_v4 && netlink::try_sysctl(ipv6_switch(name), "1")) link->ipv6.reset();
  ensure_link_settings(conf, *link);
}

}  // namespace

HostVeth create_link(netlink::NetlinkSocket& host, const PodConf& conf, const netlink::Netns& netns,
                     const cni::Request& request, const base::MacAddress& container_mac) {
  return create_host_veth(
      host, request,
      {.local = {},
       .peer = {request.attachment.ifname, container_mac},
       .peer_netns = &netns,
       .mtu = conf.mtu,
       .group = guard::kRoutedGroup,
       .resolves = false,
       .comes_up = false},
      {.create = [&](const netlink::VethPair& pair) { return netlink::create_veth(host, pair); },
       .finish = [&](const std::string& name,
                     const std::string& alias) { prepare_link(host, conf, name, alias); }});
}

void switch_ipv6_on(const std::string& link) { netlink::ensure_sysctl(ipv6_switch(link), "0"); }

void route_to_pod(netlink::NetlinkSocket& host, const Plan& plan, const std::string& name) {
  const auto ifindex = netlink::find_ifindex(host, name);
  if (!ifindex) throw netlink::NetlinkError(ENODEV, fmt::format("route to {}", base::quoted(name)), "");
  const HostSide side = host_side(plan, *ifindex);
  netlink::Steps steps;
  steps.add(netlink::up_request(*ifindex), fmt::format("set link {} up", base::quoted(name)));
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

}  // namespace flannel::ptp
