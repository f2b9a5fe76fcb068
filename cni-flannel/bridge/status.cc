// STATUS of the built-in delegate.
#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/bridge/node_settings.h"
#include "cni-flannel/bridge/verbs.h"

namespace flannel::bridge {

void status(const cni::Request& request, const Ipam& ipam) {
  const BridgeConf conf = parse_bridge_conf(request);
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  check_node_settings(conf, netlink::find_link(host, conf.bridge));
  ipam.status(request);
}

}  // namespace flannel::bridge
