// The host's end of an attachment that another plugin has made.
#pragma once

#include <string>

#include "cni-flannel/pod/namespace.h"
#include "common/cni/result.h"
#include "common/netlink/link.h"

namespace flannel {

/// The veth of the host whose peer is the container's interface `ifname`, if the result names it. Throws
/// cni::Error(conflict) when there is none.
netlink::Link find_host_end(netlink::NetlinkSocket& host, Container& container, const std::string& ifname,
                            const cni::Result& result);

}  // namespace flannel
