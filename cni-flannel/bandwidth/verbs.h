// The plugin `bandwidth`, behind another that makes a veth pair: limits what a pod sends and receives.
#pragma once

#include "common/cni/plugin_main.h"
#include "common/cni/request.h"

namespace flannel::bandwidth {

/// The answer is prevResult, with the IFB if there is one.
cni::AddAnswer add(const cni::Request& request);
void del(const cni::Request& request);
/// Throws cni::Error(check_failed) when the limits are others.
void check(const cni::Request& request);
void gc(const cni::Request& request);
/// Throws for limits that ADD would refuse.
void status(const cni::Request& request);

}  // namespace flannel::bandwidth
