// Running another plugin for part of the work (CNI spec 1.1.0, section 4).
#pragma once

#include <string>

#include "common/cni/request.h"

namespace cni {

/// The path of plugin `type` in `request.path` (CNI_PATH): the first regular file of that name.
/// Throws Error(invalid_config) for a type that is no plain name or is in no directory.
std::string find_plugin(const std::string& type, const Request& request);

/// True if find_plugin would succeed.
bool has_plugin(const std::string& type, const Request& request);

/// Runs plugin `type` with `command`, the caller's environment and `request.config` as stdin.
/// Returns what it printed as JSON, or null when it printed nothing.
/// Throws its own Error unchanged, or Error(delegate_failed) when it gave none.
json::OrderedValue run_delegate(const std::string& type, const std::string& command, const Request& request);

}  // namespace cni
