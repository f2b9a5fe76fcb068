// What the plugins before this one in the list have made.
#pragma once

#include "common/cni/request.h"
#include "common/cni/result.h"

namespace flannel {

/// Throws cni::Error(invalid_config) when there is none: the plugin is the first of its list.
cni::Result required_prev_result(const cni::Request& request);

}  // namespace flannel
