// Of `flanneld doctor`: which backends this node can serve.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "flanneld/commands/doctor_report.h"

namespace flanneld {

struct BackendFacts {
  std::optional<std::set<std::string>> link_kinds;  ///< that the kernel can make; nullopt: not known
  int tun_error = 0;                                ///< errno of a try to use /dev/net/tun; 0: it works
};

/// Asks the kernel, and leaves nothing behind.
BackendFacts read_backend_facts();

/// wireguard apart, which has a check of its own. No backend that is missing is a failure: it may not be
/// needed.
Finding check_backends(const BackendFacts& facts);

}  // namespace flanneld
