// What a Node object says that counts here. Reads whole Nodes and their metadata alone. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/store/kube/annotations.h"

namespace flanneld {

struct KubeNode {
  std::string name, uid, resource_version;
  Annotations annotations;  ///< those of flannel's prefix
  bool is_whole = false;    ///< it has a spec: what follows is known

  std::vector<std::string> pod_cidrs;  ///< none: not assigned yet
  std::vector<std::string> addresses;  ///< those of type InternalIP, in their order
  std::string network_unavailable;     ///< of the condition: its status
  std::string network_reason;          ///< and its reason

  /// Whether a flanneld says that it manages the node.
  [[nodiscard]] bool is_marked() const;
};

/// `prefix`: what the names of the annotations begin with. Throws base::ParseError, also for an object
/// without a name.
KubeNode parse_kube_node(std::string_view text, const std::string& prefix);

/// One object of a watch.
struct KubeEvent {
  enum class Kind { changed, deleted, bookmark, error };
  Kind kind = Kind::changed;
  KubeNode node;  ///< of a bookmark only the resource version
  int code = 0;   ///< of an error
  std::string message;
};
/// Throws base::ParseError.
KubeEvent parse_kube_event(std::string_view text, const std::string& prefix);

/// What goes before the items of a list.
struct KubeListHead {
  std::string resource_version;
  std::string next;  ///< the token of the next page; empty: this is the last one
};
/// Throws base::ParseError, also without a resource version.
KubeListHead parse_kube_list_head(std::string_view envelope);

/// The Status object that a server sends with an error; "" for other text.
struct KubeStatus {
  int code = 0;
  std::string message;
};
/// Takes any text.
KubeStatus parse_kube_status(std::string_view text);

/// Whether a resource version is before another. Not for certain where they are no numbers: false.
bool is_older_version(const std::string& version, const std::string& than);

/// spec.nodeName of a Pod. Throws base::ParseError.
std::string parse_node_name(std::string_view pod);

}  // namespace flanneld
