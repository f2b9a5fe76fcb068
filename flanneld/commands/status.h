// `flanneld status`: asks the running agent for its state and shows it.
#pragma once

#include "flanneld/options/options.h"

namespace flanneld {

/// Asks the agent at --status-listen and prints a table, or with `-o json` the agent's answer unchanged.
/// Returns 0 when the node is ready and nothing is wrong with it, 1 when something is, 3 when the agent does
/// not answer; what is wrong with other nodes is printed alone. With `--watch` the table again and again,
/// until nobody reads it. Throws UsageError.
int run_status(const Options& options);

}  // namespace flanneld
