// STATUS of the built-in delegate.
#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/bridge/verbs.h"

namespace flannel::bridge {

void status(const cni::Request& request, const Ipam& ipam) {
  parse_bridge_conf(request);
  ipam.status(request);
}

}  // namespace flannel::bridge
