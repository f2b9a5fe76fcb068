// How long the nodes of a cluster take for what all of them do upon one event. There are about as many nodes
// as leases.
#pragma once

#include <chrono>
#include <cstdint>

namespace flanneld {

/// Each node reads all leases: what a server has to write grows with their square. 40 s for 2,000.
std::chrono::milliseconds list_spread(int64_t leases);
/// The same where nothing is known of changes until then. 10 s for 2,000.
std::chrono::milliseconds urgent_list_spread(int64_t leases);
/// Each node asks a question. 2 s for 5,000.
std::chrono::milliseconds question_spread(int64_t leases);

/// From nothing to `whole`.
std::chrono::milliseconds random_part(std::chrono::milliseconds whole);

}  // namespace flanneld
