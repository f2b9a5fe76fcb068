// The keys of the built-in `ptp` delegate: those of the reference ptp plugin, and what the bridge has too.
#pragma once

#include "cni-flannel/pod/conf.h"
#include "common/cni/request.h"

namespace flannel::ptp {

/// Throws cni::Error that names the key, also for what takes a bridge.
PodConf parse_conf(const cni::Request& request);

}  // namespace flannel::ptp
