// Which kinds of virtual links the kernel can make.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace netlink {

/// Those of `kinds` that the kernel knows, its modules being loaded for that. Tried in a network namespace
/// that goes with the call. nullopt: this process may not make one.
std::optional<std::set<std::string>> known_link_kinds(const std::vector<std::string>& kinds);

}  // namespace netlink
