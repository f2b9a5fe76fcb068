#include "tests/scale/meter.h"

#include <algorithm>
#include <numeric>

namespace scale {
namespace {

constexpr std::chrono::milliseconds kBucket(100);
constexpr size_t kMostReasons = 10;

}  // namespace

uint64_t Meter::Counts::all_asked() const { return std::accumulate(asked.begin(), asked.end(), uint64_t{0}); }
uint64_t Meter::Counts::all_failed() const {
  return std::accumulate(failed.begin(), failed.end(), uint64_t{0});
}

void Meter::asked(Ask what, flanneld::EventLoop::Clock::time_point time) {
  ++counts_.asked.at(static_cast<size_t>(what));
  const auto at = static_cast<size_t>((std::max(time, began_) - began_) / kBucket);
  if (at >= buckets_.size()) buckets_.resize(at + 1);
  ++buckets_[at].at(static_cast<size_t>(what));
}

void Meter::failed(Ask what, const std::string& reason) {
  ended(what);
  std::string key = reason.substr(0, 60);  // what follows is numbers of milliseconds and bytes
  for (char& one : key)
    if (one >= '0' && one <= '9') one = 'N';
  if (reasons_.size() < kMostReasons || reasons_.contains(key)) ++reasons_[key];
}

void Meter::restart() {
  reasons_.clear();
  counts_ = {};
  buckets_.clear();
  began_ = flanneld::EventLoop::Clock::now();
}

uint64_t Meter::peak() const {
  uint64_t most = 0;
  for (const Bucket& one : buckets_)
    most = std::max(most, std::accumulate(one.begin(), one.end(), uint64_t{0}));
  return most;
}

uint64_t Meter::peak(Ask what) const {
  uint64_t most = 0;
  for (const Bucket& one : buckets_) most = std::max<uint64_t>(most, one.at(static_cast<size_t>(what)));
  return most;
}

}  // namespace scale
