// Running another plugin for part of the work (CNI spec 1.1.0, section 4).
#pragma once

#include <string>

#include "common/base/process.h"
#include "common/cni/request.h"

namespace cni {

/// The path of plugin `type` in `request.path` (CNI_PATH): the first regular file of that name.
/// Throws Error(invalid_config) for a type that is no plain name or is in no directory.
std::string find_plugin(const std::string& type, const Request& request);

/// True if find_plugin would succeed.
bool has_plugin(const std::string& type, const Request& request);

/// A plugin that runs beside this process until finish() takes its answer. It gets the caller's environment
/// with `command` and the request's attachment, and `request.config` on stdin. It is killed when this
/// object goes.
class RunningPlugin {
 public:
  /// Returns without waiting for it. Throws as find_plugin does, or Error when no process can be had.
  static RunningPlugin start(const std::string& type, const std::string& command, const Request& request);

  /// What it printed as JSON, or null when it printed nothing. Call once.
  /// Throws its own Error unchanged, or Error(delegate_failed) when it gave none.
  json::OrderedValue finish();

 private:
  RunningPlugin(std::string type, std::string command, base::Process process)
      : type_(std::move(type)), command_(std::move(command)), process_(std::move(process)) {}
  std::string type_, command_;
  base::Process process_;
};

/// Starts a plugin and waits for its answer.
json::OrderedValue run_delegate(const std::string& type, const std::string& command, const Request& request);

}  // namespace cni
