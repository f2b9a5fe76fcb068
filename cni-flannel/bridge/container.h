// The container's end of an attachment: its addresses, routes and settings.
#pragma once

#include <string>

#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/bridge/plan.h"
#include "common/netlink/netns.h"
#include "common/netlink/socket.h"

namespace flannel {

/// Throws cni::Error(conflict) if the container has an interface of that name: a second ADD must
/// end before it touches anything of the first.
void check_ifname_free(netlink::NetlinkSocket& pod, const cni::Attachment& attachment);

/// Configures the container's interface as planned and brings it up.
void configure_pod(netlink::NetlinkSocket& pod, const netlink::Netns& netns, const std::string& ifname,
                   const BridgeConf& conf, const Plan& plan);

}  // namespace flannel
