// What the runtime asked for: the CNI_* variables and the configuration on stdin, validated.
// Source: CNI spec 1.1.0 section 2 ("Parameters") and the reference dispatcher.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/cni/result.h"
#include "common/cni/verb.h"
#include "common/json/json.h"

namespace cni {

/// A container's interface on a network: what ADD makes and DEL removes.
struct Attachment {
  std::string container_id;
  std::string ifname;
  auto operator<=>(const Attachment&) const = default;
};

struct Request {
  Verb verb = Verb::add;
  Attachment attachment;  ///< empty for GC and STATUS
  std::string netns;      ///< path; may be empty for DEL
  std::string args;       ///< CNI_ARGS as given
  std::string path;       ///< CNI_PATH
  std::string network;    ///< `name` in the configuration
  std::string version;    ///< cniVersion of the configuration; "0.1.0" when absent
  json::Value config;     ///< the whole configuration; an object

  /// A copy with another configuration: what a delegate gets.
  [[nodiscard]] Request with_config(json::Value other) const;
  /// `prevResult` of the configuration, if there is one. Throws Error(decoding_failure).
  [[nodiscard]] std::optional<Result> prev_result() const;
  /// The attachments that GC must keep. Without the key none is valid, as in the reference.
  [[nodiscard]] std::vector<Attachment> valid_attachments() const;
};

/// Whether `text` can be a container id or network name: `[a-zA-Z0-9][a-zA-Z0-9_.-]*`, at most 239 bytes. As
/// a file name it stays in its directory.
[[nodiscard]] bool is_valid_identifier(std::string_view text);

/// Why `name` cannot be an interface name; empty if it can.
[[nodiscard]] std::string ifname_problem(std::string_view name);

/// Why no interface of that name can be made; empty if one can. The kernel replaces "%d" by a number.
[[nodiscard]] std::string new_ifname_problem(std::string_view name);

/// Parses `K=V;K=V` as the reference does. Keys that are neither in `known` nor IgnoreUnknown are an error
/// unless IgnoreUnknown is true. Throws Error(invalid_environment).
std::map<std::string, std::string> parse_args(const std::string& args, const std::vector<std::string>& known);

}  // namespace cni
