// `flanneld cleanup --lease SUBNET`: gives back the lease of a node that is gone.
#pragma once

#include <string>

#include "flanneld/options/options.h"

namespace flanneld {

/// Removes the lease that holds `subnet`, "10.5.7.0/24", from the store (that of the running agent unless the
/// options name one), and says whose it was. Refuses this node's own while its agent runs, which would claim
/// it again. Returns 0, or 1 when it refused or there is no such lease. Throws UsageError, SystemError.
int run_release(const Options& given, const std::string& subnet);

}  // namespace flanneld
