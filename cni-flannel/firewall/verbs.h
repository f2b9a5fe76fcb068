// The plugin `firewall`, behind another that gives a pod addresses: lets what is forwarded from and to the
// pod pass the node's firewall, and keeps others out of its bridge if that is asked for.
#pragma once

#include "common/cni/plugin_main.h"
#include "common/cni/request.h"

namespace flannel::firewall {

/// The answer is prevResult.
cni::AddAnswer add(const cni::Request& request);
/// Needs no prevResult, but finds the reference's rules by it.
void del(const cni::Request& request);
/// Throws cni::Error(check_failed) for the first rule that is missing.
void check(const cni::Request& request);
void gc(const cni::Request& request);
/// Throws for what ADD would refuse.
void status(const cni::Request& request);

}  // namespace flannel::firewall
