// The leases that were read last, on disk: with them a node that boots while its store is away comes up with
// the peers that it knew. The store's answer replaces all of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flanneld/lease/lease.h"

namespace flanneld {

struct SavedState {
  std::string store;           ///< where they were: store_identity()
  std::string cluster;         ///< the ID of the servers' cluster; empty: unknown
  std::string network_config;  ///< as the store had it
  std::string former_config;   ///< of an earlier backend that some peers still have; empty: none
  Lease own;
  std::vector<Lease> peers;

  /// JSON. parse() reads the same from it, but for the leases' expiry, which is not saved.
  [[nodiscard]] std::string format() const;
  /// Throws base::ParseError.
  static SavedState parse(std::string_view text);
};

/// nullopt when there is no such file. Throws base::ParseError or SystemError.
std::optional<SavedState> load_state(const std::string& path);

/// Replaces the file in one step; after the call it survives a power loss. Makes its directory if absent.
/// Throws SystemError.
void save_state(const std::string& path, const SavedState& state);

}  // namespace flanneld
