// The plugin `tuning`, behind another that makes an interface: changes settings of a pod's namespace and of
// that interface.
#pragma once

#include "common/cni/plugin_main.h"
#include "common/cni/request.h"

namespace flannel::tuning {

/// The answer is prevResult with the interface's new MAC and MTU. Where flannel made the pod, the bridge and
/// the node follow its MAC. Throws cni::Error(conflict) for a MAC that another there has.
cni::AddAnswer add(const cni::Request& request);
/// Gives the interface back what it had before, as far as that can be; never fails for it.
void del(const cni::Request& request);
/// Throws cni::Error(check_failed) at the first value that is another.
void check(const cni::Request& request);
/// Former values of containers that are gone are forgotten.
void gc(const cni::Request& request);
/// Throws for what ADD would refuse.
void status(const cni::Request& request);

}  // namespace flannel::tuning
