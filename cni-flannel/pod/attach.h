// Steps of ADD that the built-in delegates share.
#pragma once

#include <vector>

#include "cni-flannel/pod/conf.h"
#include "cni-flannel/pod/plan.h"
#include "common/base/rollback.h"
#include "common/cni/request.h"
#include "common/cni/result.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace flannel {

/// Masquerades what the pod sends out of the pods' networks, if `conf` says so.
void masquerade_pod(const cni::Request& request, const PodConf& conf, const Plan& plan, base::Rollback& undo);

/// Waits until the node takes packets to the gateways that it has just become, at most a second each.
void wait_for_gateways(netlink::NetlinkSocket& host, const Plan& plan);

/// The result of ADD: the links of the host, then the container's interface, whose other end `host_end` is.
cni::Result make_result(const cni::Request& request, const Plan& plan,
                        const std::vector<netlink::Link>& host_links, const netlink::Link& host_end);

/// A link of the host as a result lists it.
cni::Interface listed(const netlink::Link& link);

}  // namespace flannel
