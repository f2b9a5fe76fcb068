// The verbs of the built-in delegate `ptp`: one container interface on a link of its own, to which the node
// routes. Each gets the rendered delegate as `request.config`. Errors are cni::Error.
#pragma once

#include <vector>

#include "cni-flannel/pod/ipam.h"
#include "cni-flannel/pod/namespace.h"
#include "common/cni/request.h"

namespace flannel::ptp {

/// Makes the attachment; leaves nothing behind when it throws. `networks`: those of the pods of all nodes.
cni::Result add(const cni::Request& request, const Ipam& ipam, Container& container,
                const std::vector<base::IpNet>& networks);

/// Removes what is left of the attachment, and nothing of another's, whatever CNI_NETNS leads to. Releases
/// the addresses only when the interface that carries them is gone. Tries every step and reports all
/// failures.
void del(const cni::Request& request, const Ipam& ipam);

/// Compares prevResult with the kernel; throws cni::Error(check_failed) at the first difference. Guards a pod
/// that is not.
void check(const cni::Request& request, const Ipam& ipam);

/// Removes what belongs to no valid attachment of the network. Tries every step and reports all failures.
void gc(const cni::Request& request, const Ipam& ipam);

/// Throws what ADD would throw for this configuration.
void status(const cni::Request& request, const Ipam& ipam);

}  // namespace flannel::ptp
