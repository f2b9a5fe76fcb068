// The built-in delegate `bridge`: one container interface on the node's bridge. Each function gets
// the rendered delegate as `request.config`; errors are cni::Error.
#pragma once

#include "cni-flannel/bridge/ipam.h"
#include "common/cni/request.h"
#include "common/netlink/netns.h"

namespace flannel {

/// Makes the attachment in `netns`, CNI_NETNS; leaves nothing behind when it throws.
cni::Result attach(const cni::Request& request, const Ipam& ipam, const netlink::Netns& netns);

/// Takes the attachment down, as far as it is there. Addresses are given back only when the
/// interface that carries them is gone. Tries every step and reports all failures.
void detach(const cni::Request& request, const Ipam& ipam);

/// Compares plan, prevResult and kernel; throws cni::Error(check_failed) at the first difference.
void verify(const cni::Request& request, const Ipam& ipam);

}  // namespace flannel
