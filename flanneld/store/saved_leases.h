// The last good lease table on disk: with it a node that boots without its store comes up with the peers
// that it knew. The file is a hint, never the truth: the store's answer replaces all of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flanneld/lease/lease.h"

namespace flanneld {

struct SavedState {
  std::string store;           ///< which leases these are: etcd's prefix, or the lease directory
  std::string network_config;  ///< as the store had it
  Lease own;
  std::vector<Lease> peers;

  /// JSON; parse(format()) gives the same but for the expiry of leases, which is not kept.
  [[nodiscard]] std::string format() const;
  /// Throws base::ParseError.
  static SavedState parse(std::string_view text);
};

/// nullopt when there is no such file. Throws base::ParseError or SystemError.
std::optional<SavedState> load_state(const std::string& path);

/// Replaces the file, which survives a power loss from then on. Makes its directory if absent.
void save_state(const std::string& path, const SavedState& state);

}  // namespace flanneld
