// What CHECK of every built-in delegate looks at.
#pragma once

#include <string>
#include <vector>

#include "cni-flannel/pod/conf.h"
#include "cni-flannel/pod/ipam.h"
#include "cni-flannel/pod/namespace.h"
#include "common/cni/request.h"
#include "common/cni/result.h"
#include "common/netlink/link.h"

namespace flannel {

/// Throws cni::Error(check_failed).
[[noreturn]] void fail_check(const std::string& what);

/// nullptr if the result lists none.
const cni::Interface* find_interface(const cni::Result& result, const std::string& name,
                                     const std::string& sandbox);

/// The link that an interface of prevResult says there is.
netlink::Link expect_link(netlink::NetlinkSocket& socket, const cni::Interface& expected,
                          const std::string& kind);

/// A pod that is as ADD made it.
struct CheckedPod {
  cni::Result result;  ///< of ADD
  Container inside;
  netlink::Link container;             ///< its interface
  netlink::Link host_end;              ///< the other end of that
  std::vector<base::IpNet> addresses;  ///< of that interface
};

/// Compares what prevResult says of the pod with the kernel: its interface, with addresses and routes, the
/// host's end, and the masquerade rules; has the IPAM plugin do the same. Throws cni::Error(check_failed) at
/// the first difference.
CheckedPod check_pod(const cni::Request& request, const PodConf& conf, const Ipam& ipam,
                     netlink::NetlinkSocket& host);

/// Whether `link` has the gateways' addresses, and the node forwards.
void check_gateways(netlink::NetlinkSocket& host, const cni::Result& result, const netlink::Link& link);

}  // namespace flannel
