#include "cni-flannel/bridge/lost_ports.h"

#include <cerrno>

#include "cni-flannel/bridge/attachment_names.h"
#include "cni-flannel/bridge/bridge.h"
#include "common/netlink/bridge.h"
#include "common/netlink/error.h"

namespace flannel {

using netlink::Link;

std::vector<Link> find_lost_ports(netlink::NetlinkSocket& host, const std::string& network) {
  std::vector<Link> ports = netlink::all_links(host);
  std::erase_if(ports, [&](const Link& link) {
    return link.master != 0 || link.kind != "veth" || !is_host_veth(link.name, link.alias, network);
  });
  return ports;
}

bool take_back_ports(netlink::NetlinkSocket& host, const BridgeConf& conf, const Link& bridge,
                     const std::vector<Link>& ports) {
  bool all = true;
  for (const Link& port : ports) try {
      netlink::set_master(host, port, bridge.ifindex);
      netlink::set_port_options(host, port.name,
                                {.hairpin = conf.hairpin, .isolated = conf.port_isolation, .alias = {}});
      configure_port_vlans(host, conf, port.name);
    } catch (const netlink::NetlinkError& error) {
      all = all && error.error_number() == ENODEV;
    }
  return all;
}

}  // namespace flannel
