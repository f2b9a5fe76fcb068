// `flanneld cleanup`: takes a node out of flannel. Removes what flanneld has made, this one or upstream's,
// and nothing else: pods stay, and so does a bridge that has pods.
#pragma once

#include "flanneld/options/options.h"

namespace flanneld {

/// Prints a line for each thing that it removes, or that there is none. Refuses while an agent answers, which
/// would make everything again, unless the word `--force` is given. Returns 0 when nothing of flannel's is
/// left, 1 when it refused or something could not be removed. Throws UsageError.
int run_cleanup(const Options& options);

}  // namespace flanneld
