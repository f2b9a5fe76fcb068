#include "cni-flannel/bridge/take_over.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "cni-flannel/bridge/bridge.h"
#include "cni-flannel/bridge/gateway.h"
#include "cni-flannel/pod/attachment_names.h"
#include "common/guard/routed.h"
#include "common/netlink/error.h"

namespace flannel {
namespace {

using netlink::Link;
using netlink::NetlinkSocket;

constexpr const char* kOwnAlias = "bridge of pods";
constexpr const char* kSharedAlias = "bridge of pods and others";
constexpr uint32_t kDefaultMtu = 1500;  // the kernel's

/// Whether nobody but containers seems to use it. An MTU other than the kernel's was somebody's choice.
bool serves_containers_only(NetlinkSocket& host, const BridgeConf& conf, const Link& bridge) {
  const auto ports = netlink::ports_of(host, bridge.ifindex);
  if (std::any_of(ports.begin(), ports.end(), [](const Link& port) { return port.kind != "veth"; }))
    return false;
  auto addresses = netlink::addresses_of(host, bridge);
  std::erase_if(addresses, [](const netlink::Address& one) { return one.net.address.is_link_local(); });
  if (!std::all_of(addresses.begin(), addresses.end(),
                   [&](const netlink::Address& address) { return is_gateway_of_pods(conf, address); }))
    return false;
  return !addresses.empty() || !ports.empty() || bridge.mtu == kDefaultMtu || bridge.mtu == conf.mtu;
}

/// The kernel forgets an MTU that the bridge got when it was made, with its last port; one that changed
/// stays.
void keep_chosen_mtu(NetlinkSocket& host, const Link& bridge) {
  if (bridge.mtu == kDefaultMtu || !netlink::ports_of(host, bridge.ifindex).empty()) return;
  for (const uint32_t mtu : {bridge.mtu - 1, bridge.mtu}) netlink::set_mtu(host, bridge, mtu);
}

/// The host's ends of the network's attachments that are ports of no bridge.
std::vector<Link> find_lost_ports(NetlinkSocket& host, const std::string& network) {
  std::vector<Link> ports = netlink::all_links(host);
  std::erase_if(ports, [&](const Link& link) {
    return link.master != 0 || link.group == guard::kRoutedGroup || link.kind != "veth" ||
           !is_host_veth(link.name, link.alias, network);
  });
  return ports;
}

/// With the options of `conf`. False if the kernel refuses a port; one that has gone meanwhile does not
/// count.
bool take_back_ports(NetlinkSocket& host, const BridgeConf& conf, const Link& bridge,
                     const std::vector<Link>& ports) {
  bool all = true;
  for (const Link& port : ports) try {
      netlink::set_master(host, port, bridge.ifindex);
      // Open as yet: what it is to take is not known here (protection.h).
      netlink::set_port_options(host, port.name,
                                {.hairpin = conf.hairpin, .isolated = conf.port_isolation, .alias = {}});
      configure_port_vlans(host, conf, port.name);
    } catch (const netlink::NetlinkError& error) {
      all = all && error.error_number() == ENODEV;
    }
  return all;
}

/// Those that run can take no larger packets.
void follow_mtu(NetlinkSocket& host, Link& bridge, const std::vector<Link>& ports) {
  const auto smallest = std::min_element(ports.begin(), ports.end(),
                                         [](const Link& a, const Link& b) { return a.mtu < b.mtu; });
  if (smallest == ports.end() || smallest->mtu == bridge.mtu) return;
  netlink::set_mtu(host, bridge, smallest->mtu);
  bridge.mtu = smallest->mtu;
}

}  // namespace

bool is_taken_over(const Link& bridge) { return bridge.alias == kOwnAlias || bridge.alias == kSharedAlias; }

bool is_own_bridge(const Link& bridge) { return bridge.alias == kOwnAlias; }

Link take_over(NetlinkSocket& host, const BridgeConf& conf, const std::string& network,
               netlink::EnsuredBridge bridge) {
  Link& link = bridge.link;
  // An address that was set is no longer that of the port with the lowest one.
  netlink::set_mac(host, link, link.mac);
  if (!link.alias.empty()) return link;
  const bool is_own = bridge.created || serves_containers_only(host, conf, link);
  const auto lost = find_lost_ports(host, network);
  if (is_own)
    follow_mtu(host, link, lost);
  else
    keep_chosen_mtu(host, link);
  if (!take_back_ports(host, conf, link, lost)) return link;
  link.alias = is_own ? kOwnAlias : kSharedAlias;  // the mark goes last: it says that the rest is done
  netlink::set_alias(host, link, link.alias);
  return link;
}

}  // namespace flannel
