#include "flanneld/store/spread.h"

#include <algorithm>

#include "flanneld/lease/subnet_allocator.h"

namespace flanneld {

using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

/// etcd's gateway takes some 25 us of a processor for each entry of a list: two to three of them are busy.
constexpr microseconds kForEntry(10), kForQuestion(400);
constexpr milliseconds kMostForLists = std::chrono::minutes(5);
constexpr int64_t kMostLeases = 100'000;

}  // namespace

milliseconds list_spread(int64_t leases) {
  const int64_t count = std::clamp<int64_t>(leases, 0, kMostLeases);
  return std::min(kMostForLists, std::chrono::duration_cast<milliseconds>(kForEntry * count * count));
}

milliseconds urgent_list_spread(int64_t leases) { return list_spread(leases) / 4; }

milliseconds question_spread(int64_t leases) {
  return std::chrono::duration_cast<milliseconds>(kForQuestion * std::clamp<int64_t>(leases, 0, kMostLeases));
}

milliseconds random_part(milliseconds whole) {
  return milliseconds(random_below(static_cast<size_t>(whole.count()) + 1));
}

}  // namespace flanneld
