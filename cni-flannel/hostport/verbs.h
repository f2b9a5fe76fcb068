// The plugin `portmap`, behind another that gives a pod addresses: leads ports of the node to it.
#pragma once

#include "common/cni/plugin_main.h"
#include "common/cni/request.h"

namespace flannel::hostport {

/// The answer is prevResult.
cni::AddAnswer add(const cni::Request& request);
/// Needs neither runtimeConfig nor prevResult.
void del(const cni::Request& request);
void check(const cni::Request& request);
void gc(const cni::Request& request);
void status(const cni::Request& request);

}  // namespace flannel::hostport
