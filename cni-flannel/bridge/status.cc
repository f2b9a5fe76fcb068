// STATUS of the built-in delegate.
#include <fmt/format.h>

#include <cstdio>

#include "cni-flannel/bridge/bridge.h"
#include "cni-flannel/bridge/gateway.h"
#include "cni-flannel/bridge/port.h"
#include "cni-flannel/bridge/protection.h"
#include "cni-flannel/bridge/verbs.h"
#include "cni-flannel/pod/node_settings.h"

namespace flannel::bridge {

void status(const cni::Request& request, const Ipam& ipam, const std::vector<base::IpNet>& networks) {
  BridgeConf conf = parse_bridge_conf(request);
  conf.networks = networks;
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  const auto bridge = netlink::find_link(host, conf.bridge);
  check_node_settings(conf, bridge);
  if (bridge) {
    check_is_bridge(*bridge);
    std::vector<base::IpNet> gateways;
    for (const base::IpNet& subnet : conf.subnets) gateways.push_back({subnet.address.next(), subnet.prefix});
    check_other_use(host, conf, gateways);
    check_has_room(host, *bridge);
  }
  ipam.status(request);
  // For the runtime's log: an error would take the node's pods away.
  for (const std::string& lack : missing_protection(host, bridge)) fmt::print(stderr, "flannel: {}\n", lack);
}

}  // namespace flannel::bridge
