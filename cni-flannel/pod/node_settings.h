// The kernel's settings that the containers of a node rely on. They may have been changed since the last ADD,
// and where the node is a container itself /proc/sys may be read-only.
#pragma once

#include <optional>

#include "cni-flannel/pod/conf.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace flannel {

/// Throws cni::Error(kernel_refused) that names a setting which containers of `conf` need otherwise than it
/// is, and which cannot be written. Changes nothing. `link`, which is to have the gateway's addresses, is
/// nullopt when it has to be made yet.
void check_node_settings(const PodConf& conf, const std::optional<netlink::Link>& link);

/// Makes the node forward packets of the family, or of the families of the gateways that `conf` has. Throws
/// cni::Error(kernel_refused).
void ensure_node_forwards(netlink::NetlinkSocket& host, base::Family family);
void ensure_node_forwards(netlink::NetlinkSocket& host, const PodConf& conf);

/// Makes sure that no container becomes a router of the node by a router advertisement through `link`, by
/// which they reach the node, that packets of the containers are forwarded there, and that it can have IPv6
/// addresses if `conf` has any. Throws cni::Error(kernel_refused).
void ensure_link_settings(const PodConf& conf, const netlink::Link& link);

/// Whether ensure_link_settings() has nothing to do.
bool has_link_settings(const PodConf& conf, const netlink::Link& link);

}  // namespace flannel
