// Memory that a start or a burst of leases took and that is free again.
#pragma once

namespace flanneld {

/// Returns freed memory to the system.
void give_memory_back() noexcept;

}  // namespace flanneld
