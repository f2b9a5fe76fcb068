// The leases of a node's stores, as files show them. They are read without the stores' locks: good for
// people, not for decisions.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cni-ipam/store/lease_file.h"
#include "common/base/ip.h"

namespace ipam {

struct HeldLease {
  std::string store;  ///< the directory
  base::IpAddress address;
  LeaseFile::State state = LeaseFile::State::read;
  std::string container, interface;  ///< made printable; empty: a torn lease, or one without that
  std::chrono::sys_seconds since{};  ///< the time of the file
};

/// The stores in a node's data directory; none if it does not exist. Throws base::SystemError.
std::vector<std::string> find_stores(const std::string& data_directory);

/// The leases of a store, by address. Throws base::SystemError, with ENOENT when there is no such directory.
std::vector<HeldLease> read_leases(const std::string& store);

/// Whether the address has a lease in the store right now.
bool is_held(const std::string& store, const base::IpAddress& address);

}  // namespace ipam
