// What DEL of every built-in delegate does.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cni-flannel/pod/ipam.h"
#include "common/cni/error.h"
#include "common/cni/request.h"

namespace flannel {

/// A key of the configuration as DEL reads it: whatever is wrong with it must not keep an attachment alive.
bool lenient_flag(const json::Value& config, const char* key);

/// Removes the veth pair, then calls `unprotect` with the name of the host's end, if there was one, and only
/// then releases the addresses; removes the masquerade rules. What fails is in `attempts`.
void take_down(const cni::Request& request, const Ipam& ipam, cni::Attempts& attempts,
               const std::function<void(const std::optional<std::string>&)>& unprotect);

}  // namespace flannel
