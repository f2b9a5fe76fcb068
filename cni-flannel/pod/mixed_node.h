// A node that has pods on a bridge and, in the same subnet, pods on links of their own (delegate.type ptp):
// as while it changes from one to the other. Pods on the bridge look on it for the others, and the node
// answers for these. Without that the two do not reach each other; what the kernel refuses is left at that.
#pragma once

#include <string>
#include <vector>

#include "cni-flannel/pod/plan.h"
#include "common/json/json.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace flannel {

/// The bridge that a configuration of any kind of pods names; leniently: cni0 when it does not, or not by a
/// text.
std::string bridge_name(const json::Value& config);

/// Has the node answer for a new pod on a link of its own, if there is such a bridge.
void answer_for_pod(netlink::NetlinkSocket& host, const std::string& bridge, const Plan& plan);
/// And no more for one on the bridge, whose addresses these are.
void answer_no_more(netlink::NetlinkSocket& host, const std::string& bridge,
                    const std::vector<base::IpNet>& addresses);
/// And no more for one that is gone. An address that another such pod has by now is left.
void answer_no_more_for_gone(netlink::NetlinkSocket& host, const std::string& bridge,
                             std::vector<base::IpAddress> addresses);
/// Has it answer for all of them on a new bridge.
void answer_for_pods_on_links(netlink::NetlinkSocket& host, const netlink::Link& bridge);
/// And for nobody but them.
void collect_answers(const std::string& bridge);

}  // namespace flannel
