// The network namespace of a pod.
#pragma once

#include <string>

#include "common/netlink/netns.h"
#include "common/netlink/socket.h"

namespace flannel {

/// The container's namespace, and a socket into it.
struct Container {
  netlink::Netns netns;
  netlink::NetlinkSocket socket;
};

/// Opens CNI_NETNS. Throws cni::Error(invalid_netns) when it is absent or no network namespace.
Container open_container(const std::string& path);

}  // namespace flannel
