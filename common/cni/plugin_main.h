// The edge of a plugin: environment and stdin in, one JSON document out, one exit status.
// Order of checks and forms: the reference dispatcher (libcni pkg/skel), except that the network
// namespace is judged before anything is touched and an error object carries its cniVersion.
#pragma once

#include <string>

#include "common/cni/request.h"

namespace cni {

/// A plugin's verbs. Each throws to fail; ADD returns the document to print.
struct Plugin {
  std::string name;     ///< "flannel"
  std::string purpose;  ///< one sentence for people who run it by hand
  json::OrderedValue (*add)(const Request&);
  void (*del)(const Request&);
  void (*check)(const Request&);
  void (*gc)(const Request&);
  void (*status)(const Request&);
};

/// Serves one call. Returns the exit status: 0, or 1 after a failure that was printed as JSON.
int plugin_main(const Plugin& plugin, int argc, const char* const* argv) noexcept;

}  // namespace cni
