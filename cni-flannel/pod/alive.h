// Whether the container whose rules are found still lives, and what people call it: by the files that
// runtimes and IPAM plugins keep.
#pragma once

#include <string>

#include "common/base/ip.h"

namespace flannel {

/// False if it is certain that the container has no attachment any more: no result that libcni has kept, and
/// no lease of the address, in a store below /var/lib/cni/networks that has leases of others.
bool may_live(const std::string& container_id, const base::IpAddress& address);

/// False if it is certain that no attachment has the address any more: no result that libcni has kept names
/// it, and none of the stores below /var/lib/cni/networks has a lease of it. What cannot be read is not
/// certain.
bool may_be_used(const base::IpAddress& address);

/// False if it is certain that the container has no attachment at all: no result that libcni has kept, and no
/// lease.
bool may_be_attached(const std::string& container_id);

/// "pod 'default/web' (container '…')", as far as libcni's kept result tells.
std::string describe_container(const std::string& container_id);

}  // namespace flannel
