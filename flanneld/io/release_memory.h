// What a start and a burst of leases took and the agent needs no more. Knows nothing of what it was for.
#pragma once

namespace flanneld {

/// Returns freed memory to the system; the first time also the code of libraries that only starting up
/// has run (their initialisation alone touches some 7 MB). What is needed again is mapped again from the page
/// cache. Never fails: what cannot be given back stays.
void give_memory_back() noexcept;

}  // namespace flanneld
