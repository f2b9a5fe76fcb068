// `flanneld status`: asks the running agent for its state and shows it.
#pragma once

#include <string>

#include "common/json/json.h"
#include "flanneld/options/options.h"

namespace flanneld {

/// Asks the agent at --status-listen and prints a table, or with `-o json` the agent's answer unchanged.
/// Returns 0 when the node is ready and nothing is wrong, 1 when something is wrong, 3 when the agent does
/// not answer. With `--watch` the table again and again, until nobody reads it. Throws UsageError.
int run_status(const Options& options);

/// The table. Throws base::ParseError when `status` is not what the agent's status_json() makes.
std::string status_table(const json::Value& status);

}  // namespace flanneld
