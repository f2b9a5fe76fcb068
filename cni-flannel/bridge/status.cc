// STATUS of the built-in delegate.
#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/bridge/host_veth.h"
#include "cni-flannel/bridge/node_settings.h"
#include "cni-flannel/bridge/verbs.h"

namespace flannel::bridge {

void status(const cni::Request& request, const Ipam& ipam) {
  const BridgeConf conf = parse_bridge_conf(request);
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  const auto bridge = netlink::find_link(host, conf.bridge);
  check_node_settings(conf, bridge);
  if (bridge) check_has_room(host, *bridge);
  ipam.status(request);
}

}  // namespace flannel::bridge
