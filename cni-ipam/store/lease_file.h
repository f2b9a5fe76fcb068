// One lease on disk: a file named like its address whose text is its owner's mark.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/ip.h"

namespace ipam {

struct LeaseFile {
  enum class State {
    absent,
    strange,  ///< a link, directory, FIFO: takes the name, belongs to nobody
    unreadable,
    read
  };
  State state = State::absent;
  std::string mark;      ///< of a read one; empty: torn by a crash of host-local, nobody's
  int64_t modified = 0;  ///< ns; only if it was asked for
};

/// Never follows a link, never waits, never throws for what it meets.
LeaseFile read_lease(int dir_fd, const std::string& name, bool with_time);

/// The address that a file of this name would be a lease of. Only its canonical text is one.
std::optional<base::IpAddress> lease_address(const std::string& name);

}  // namespace ipam
