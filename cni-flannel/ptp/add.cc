// ADD of the built-in delegate `ptp`.
#include <fmt/format.h>

#include <chrono>

#include "cni-flannel/pod/attach.h"
#include "cni-flannel/pod/container.h"
#include "cni-flannel/pod/mixed_node.h"
#include "cni-flannel/pod/node_settings.h"
#include "cni-flannel/pod/plan.h"
#include "cni-flannel/ptp/conf.h"
#include "cni-flannel/ptp/host_link.h"
#include "cni-flannel/ptp/protection.h"
#include "cni-flannel/ptp/routing.h"
#include "cni-flannel/ptp/verbs.h"
#include "common/base/rollback.h"
#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/netfilter/nft_socket.h"

namespace flannel::ptp {
namespace {

constexpr int kContainerInterface = 1;  // in the result: host veth, container
constexpr std::chrono::milliseconds kOperationalTime{2500};

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
  if (plan.families.v6 && !expected.v6) switch_ipv6_on(veth.name);
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
  wait_until_reachable(container, plan);
  wait_for_gateways(host, plan);
  cni::Result result = make_result(request, plan, {*host_end}, *host_end);
  undo.commit();
  addresses->keep();
  return result;
}

}  // namespace flannel::ptp
