// The limits of one attachment in the kernel: a token bucket at the host's end of the pair for what the pod
// receives, and one at an IFB, to which the host's end hands what the pod sends.
#pragma once

#include <string>
#include <vector>

#include "cni-flannel/bandwidth/limits.h"
#include "common/cni/request.h"
#include "common/cni/result.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace flannel::bandwidth {

/// Sets the limits, whatever a half-done call has left of them. `result` gets the IFB, if one is needed;
/// after a failure there is none.
void shape(netlink::NetlinkSocket& host, const netlink::Link& host_end, const std::string& ifb,
           const Limits& limits, cni::Result& result);

/// Removes the attachment's IFB, if there is one; the rest goes with the pair.
void unshape(netlink::NetlinkSocket& host, const std::string& ifb);

/// Throws cni::Error(check_failed) at the first difference.
void check_shaping(netlink::NetlinkSocket& host, const netlink::Link& host_end, const std::string& ifb,
                   const Limits& limits);

/// Removes the IFBs, this plugin's and the reference's, that no pod's packets are led to any more, but none
/// of a valid attachment of the network.
void collect_ifbs(netlink::NetlinkSocket& host, const std::string& network,
                  const std::vector<cni::Attachment>& valid);

}  // namespace flannel::bandwidth
