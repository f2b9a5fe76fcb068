// What to say, and how long to wait, when another node writes to the own lease: both would answer each other
// without end.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "flanneld/lease/lease.h"

namespace flanneld {

/// The lease is claimed again after this pause, and after one twice as long each further time.
inline constexpr std::chrono::milliseconds kFirstContest{1000}, kMostContest{600'000};

/// Who has written `written` over `own`, and what the operator should look at.
std::string describe_contest(const Lease& own, const LeaseAttributes& written);
/// Likewise for what may be no lease at all.
std::string describe_contest(const Lease& own, std::string_view written);

}  // namespace flanneld
