// `flanneld cleanup`: takes a node out of flannel. Removes what flanneld made, ours or upstream's, and
// nothing else: pods and the bridge that they are on stay.
#pragma once

#include <string_view>

#include "flanneld/options/options.h"

namespace flanneld {

/// Prints each thing that it removes; without anything to remove it says so. Refuses while an agent
/// answers, which would make it all anew, unless the word `--force` is given. 0 when nothing of
/// flannel's is left, 1 when something could not be removed or it refused. Throws UsageError.
int run_cleanup(const Options& options);

/// True for "flannel.1" and "flannel-v6.4096".
bool is_device_name(std::string_view name);

}  // namespace flanneld
