// `flanneld status`: asks the running agent how it stands and shows it.
#pragma once

#include <string>

#include "common/json/json.h"
#include "flanneld/options/options.h"

namespace flanneld {

/// Asks the agent at --status-listen and prints a table, or its answer as it is with `-o json`. Returns 0
/// when the node is ready and nothing is wrong, 1 when something is, 3 when the agent does not answer.
/// Throws UsageError.
int run_status(const Options& options);

/// The table. Throws cni::Error when `status` is not what status_json() makes.
std::string status_table(const json::Value& status);

}  // namespace flanneld
