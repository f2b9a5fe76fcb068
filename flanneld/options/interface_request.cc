#include "flanneld/options/interface_request.h"

namespace flanneld {

InterfaceRequest interface_request(const Options& options) {
  InterfaceRequest request;
  request.iface = options.iface;
  request.iface_regex = options.iface_regex;
  request.iface_cidr = options.iface_cidr;
  request.can_reach = options.iface_can_reach;
  request.public_ip = options.public_ip;
  request.public_ipv6 = options.public_ipv6;
  return request;
}

}  // namespace flanneld
