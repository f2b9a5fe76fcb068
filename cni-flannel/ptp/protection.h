// What keeps a pod without a bridge to its own addresses (common/guard/routed.h), and what lets neither side
// look for the other.
#pragma once

#include <optional>
#include <string>

#include "cni-flannel/pod/check.h"
#include "common/netlink/socket.h"

namespace flannel::ptp {

/// Makes the rules that all such pods share, unless they are there. False where the kernel cannot have them:
/// then rp_filter alone looks at sources, of IPv4.
bool ensure_rules(std::optional<netlink::NetlinkSocket>& nft);

/// Guards a pod that another program made, or whose protection or MAC somebody changed since ADD.
void repair_protection(netlink::NetlinkSocket& host, CheckedPod& pod);

/// What of it this kernel cannot give, in words for an operator; empty: nothing, or nobody knows.
std::string missing_protection();

}  // namespace flannel::ptp
