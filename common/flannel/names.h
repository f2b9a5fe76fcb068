// What flanneld and the plugins have in common only because it is the default of both.
#pragma once

namespace flannel {

/// The bridge that the pods of a node are connected to.
inline constexpr const char* kPodBridge = "cni0";

}  // namespace flannel
