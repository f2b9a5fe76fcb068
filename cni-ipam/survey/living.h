// The addresses that pods of this machine really have, as the kernel knows them.
#pragma once

#include <string>
#include <vector>

#include "common/base/ip.h"

namespace ipam {

/// An address of an interface in a network namespace that is not the node's own.
struct LivingAddress {
  base::IpNet address;
  std::string link;
  std::string netns;  ///< a path that leads there: "/run/netns/…" or "/proc/<pid>/ns/net"
};

struct Living {
  std::vector<LivingAddress> addresses;
  /// False where the namespaces of pods may be out of sight, as in a container that sees its own processes
  /// only: then no address proves to be nobody's.
  bool sees_pods = true;
};

/// Looks into all network namespaces that a process is in or a file under /run/netns or /run/docker/netns
/// keeps. Throws base::SystemError; without CAP_SYS_ADMIN with EPERM.
Living read_living();

}  // namespace ipam
