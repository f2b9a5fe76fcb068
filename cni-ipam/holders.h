// Who holds addresses. The leases are read without the store's lock.
#pragma once

#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/cni/request.h"

namespace ipam {

/// The containers that hold an address within `net` in the request's store, sorted, each once. Reads all
/// leases: the answer is good for a message, not for a decision.
std::vector<std::string> containers_within(const cni::Request& request, const base::IpNet& net);

/// The addresses that the request's attachment holds, by the store's index. Misses those that another program
/// has leased to it.
std::vector<base::IpAddress> addresses_of(const cni::Request& request);

/// Whether the request's attachment has the lease of `address`. An old lease names only the container.
bool is_leased_to(const cni::Request& request, const base::IpAddress& address);

}  // namespace ipam
