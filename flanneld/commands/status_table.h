// What the agent says of itself, as text for people.
#pragma once

#include <string>
#include <vector>

#include "common/json/json.h"

namespace flanneld {

/// The table, what is wrong, and the peers. Throws base::ParseError when `status` is not what the agent's
/// status_json() makes.
std::string status_table(const json::Value& status);

/// What is wrong with this node, of the same. Throws base::ParseError.
std::vector<std::string> status_findings(const json::Value& status);

}  // namespace flanneld
