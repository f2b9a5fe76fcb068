// Who holds addresses, for messages to people.
#pragma once

#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/cni/request.h"

namespace ipam {

/// The containers that hold an address within `net` in the request's store, sorted, each once. Reads all
/// leases without the store's lock: the answer is good for a message, not for a decision.
std::vector<std::string> containers_within(const cni::Request& request, const base::IpNet& net);

}  // namespace ipam
