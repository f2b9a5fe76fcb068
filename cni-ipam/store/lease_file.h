// One lease on disk: a file named like its address, whose text is its mark (lease_mark.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/ip.h"

namespace ipam {

struct LeaseFile {
  enum class State {
    absent,
    strange,  ///< a link, directory or FIFO: keeps the address from being given out, is no lease
    unreadable,
    read
  };
  State state = State::absent;
  std::string mark;      ///< if it was read; empty when a crash of host-local tore the lease: nobody's
  int64_t modified = 0;  ///< ns; with LeaseTime::read
};

/// Whether the time of a lease matters, which takes a system call more.
enum class LeaseTime { skip, read };

/// Reads the lease `name` in `dir_fd`. Follows no link, waits for nothing, and does not throw.
LeaseFile read_lease(int dir_fd, const std::string& name, LeaseTime time = LeaseTime::skip);

/// The address that a file of this name is the lease of; nullopt if the name is not an address in RFC 5952's
/// form.
std::optional<base::IpAddress> lease_address(const std::string& name);

}  // namespace ipam
