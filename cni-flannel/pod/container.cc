#include "cni-flannel/pod/container.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/netlink/address.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/route.h"
#include "common/netlink/steps.h"
#include "common/netlink/sysctl.h"

namespace flannel {
namespace {

constexpr std::chrono::seconds kSettleTime{5};  // the reference's limit for duplicate address detection

void add_container_routes(netlink::Steps& steps, int ifindex, const Plan& plan) {
  const auto is_connected = [&](const netlink::Route& route) {
    return std::any_of(
        plan.container_addresses.begin(), plan.container_addresses.end(), [&](const base::IpNet& address) {
          return plan.prefix_routes == netlink::PrefixRoute::yes && route.table == netlink::kMainTable &&
                 address.network() == route.dst.network();
        });
  };
  for (netlink::Route route : plan.container_routes) {
    // The cluster's network may be no larger than the host's subnet; the kernel made that route.
    if (is_connected(route)) continue;
    route.ifindex = ifindex;
    steps.add(netlink::add_route_request(route), fmt::format("add route {}", route.str()));
  }
}

}  // namespace

void check_ifname_free(Container& container, const cni::Attachment& attachment) {
  if (netlink::find_ifindex(container.socket, attachment.ifname))
    throw cni::Error(
        cni::ErrorCode::conflict,
        fmt::format("container '{}' already has an interface '{}'", attachment.container_id,
                    attachment.ifname),
        "the runtime must call DEL for this attachment before it calls ADD again; nothing was changed");
}

void set_interface_options(Container& container, const std::string& ifname, const PodConf& conf,
                           Families families) {
  const netlink::NetnsScope inside = container.netns.enter();  // /proc/sys/net is the caller's
  const std::string v4 = fmt::format("net/ipv4/conf/{}", ifname);
  const std::string v6 = fmt::format("net/ipv6/conf/{}", ifname);
  const bool mac_follows_address = conf.mac_follows_address(families);
  // A broadcast of a container whose link comes up costs every container on the host a wake-up.
  if (!mac_follows_address) netlink::try_sysctl(fmt::format("{}/arp_notify", v4), "1");
  netlink::try_sysctl(fmt::format("{}/accept_ra", v6),
                      "0");  // any pod of the bridge could say that it is a router
  // From the gateway alone could they come, and it has no other router to name.
  netlink::try_sysctl("net/ipv4/conf/all/accept_redirects", "0");  // one of both is enough
  netlink::try_sysctl(fmt::format("{}/accept_redirects", v4), "0");
  netlink::try_sysctl(fmt::format("{}/accept_redirects", v6), "0");
  const std::string link_local = fmt::format("{}/addr_gen_mode", v6);
  if (!families.v6 && conf.is_gateway) {
    netlink::try_sysctl(link_local, "1");  // none
    return;
  }
  netlink::try_sysctl(link_local, "0");  // that of the MAC, which its port lets through
  if (conf.duplicate_address_detection) netlink::try_sysctl(fmt::format("{}/enhanced_dad", v6), "1");
  netlink::try_sysctl(fmt::format("{}/accept_dad", v6), conf.duplicate_address_detection ? "1" : "0");
  if (!families.v6) return;
  if (!mac_follows_address) netlink::try_sysctl(fmt::format("{}/ndisc_notify", v6), "1");
  netlink::ensure_sysctl("net/ipv6/conf/lo/disable_ipv6", "0");
  netlink::ensure_sysctl(fmt::format("{}/disable_ipv6", v6), "0");
  netlink::try_sysctl(fmt::format("{}/keep_addr_on_down", v6), "1");
}

void configure_container(Container& container, const std::string& ifname, const PodConf& conf,
                         const Plan& plan, const std::optional<base::MacAddress>& gateway_mac) {
  const auto ifindex = netlink::find_ifindex(container.socket, ifname);
  if (!ifindex)
    throw netlink::NetlinkError(
        ENODEV, fmt::format("configure interface {} of the container", base::quoted(ifname)), "it went away");
  const netlink::Dad dad = conf.duplicate_address_detection ? netlink::Dad::yes : netlink::Dad::no;
  netlink::Steps steps;
  for (const base::IpNet& address : plan.container_addresses)
    steps.add(netlink::add_address_request(*ifindex, address, dad, plan.prefix_routes),
              fmt::format("add address {} to link {}", address, base::quoted(ifname)));
  steps.add(netlink::up_request(*ifindex, conf.mac_follows_address(plan.families)
                                              ? std::optional(plan.container_mac)
                                              : std::nullopt),
            fmt::format("set link {} up", base::quoted(ifname)));
  if (plan.families.v6 && dad == netlink::Dad::yes) {
    steps.run(container.socket, EEXIST);
    netlink::wait_addresses_settled(container.socket, container.netns, *ifindex, kSettleTime);
  }
  if (gateway_mac)
    for (const base::IpNet& gateway : plan.gateway_addresses)
      steps.add(netlink::put_neighbour_request({*ifindex, gateway.address, *gateway_mac}),
                fmt::format("fix the neighbour entry of gateway {}", gateway.address));
  add_container_routes(steps, *ifindex, plan);
  steps.run(container.socket, EEXIST);
}

void wait_until_reachable(Container& container, const Plan& plan) {
  for (const base::IpNet& one : plan.container_addresses)
    if (!one.address.is_v4()) netlink::wait_local(container.socket, &container.netns, one.address);
}

}  // namespace flannel
