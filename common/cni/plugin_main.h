// The edge of a plugin: environment and stdin in, one JSON document out, one exit status.
// Order of checks and forms: the reference dispatcher (libcni pkg/skel), except that the network
// namespace is judged before anything is touched and an error object carries its cniVersion.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

#include "common/cni/request.h"
#include "common/cni/result.h"

namespace cni {

/// What ADD answers: a result, to be printed in the form of the request's version, or a document that is
/// printed as it is (null: nothing is), such as the answer of a delegate.
using AddAnswer = std::variant<Result, json::OrderedValue>;

/// A plugin's verbs. Each throws to fail.
struct Plugin {
  std::string name;     ///< "flannel"
  std::string purpose;  ///< one sentence for people who run it by hand
  AddAnswer (*add)(const Request&);
  /// Called for DEL, and to undo an ADD whose answer could not be printed.
  void (*del)(const Request&);
  void (*check)(const Request&);
  void (*gc)(const Request&);
  void (*status)(const Request&);
  /// The reference's version that it does everything of, "v1.9.1", for callers that ask for features by that.
  std::string_view stands_for = {};
  std::string_view commands = {};  ///< what else people can do with it, in lines
  /// Told of each call after its answer was written: of its verb, how long it took, and the code of its
  /// error; 0 for success. nullptr: nobody is.
  void (*served)(Verb, std::chrono::microseconds, unsigned) = nullptr;
};

/// Serves one call. Returns the exit status: 0, or 1 after a failure that was printed as JSON.
int plugin_main(const Plugin& plugin, int argc, const char* const* argv) noexcept;

}  // namespace cni
