// The plugin `loopback`: a pod's own `lo`. Contract: the reference's plugins/main/loopback.
#pragma once

#include "common/cni/plugin_main.h"
#include "common/cni/request.h"

namespace flannel::loopback {

/// Sets `lo` up, whatever CNI_IFNAME is. The answer has its addresses, or is prevResult if there is one.
/// Throws cni::Error(conflict) when it has an address that is no loopback address.
cni::AddAnswer add(const cni::Request& request);
/// Sets it down; a namespace that is gone is as good.
void del(const cni::Request& request);
/// Throws cni::Error(check_failed) unless it is up.
void check(const cni::Request& request);

}  // namespace flannel::loopback
