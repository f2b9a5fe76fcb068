// How the store learns which leases there are: by reading all of them, by listing their names, or by
// following the round robin.
#include <algorithm>

#include "cni-ipam/store/disk_store.h"
#include "cni-ipam/store/lease_file.h"
#include "cni-ipam/store/store_error.h"
#include "common/base/file.h"

namespace ipam {
namespace {

using base::IpAddress;
using cni::Error;
using cni::ErrorCode;

constexpr size_t kMostLooks = 64;  // into leases one by one; then reading all is cheaper

}  // namespace

/// Gathers the addresses that have a lease, by name alone.
LeaseIndex DiskStore::list_leases(const ScanRules& rules) {
  LeaseIndex present(identity_);
  const auto visit = [&](std::string_view entry) {
    const std::string name(entry);
    if (const auto address = lease_address(name))
      present.insert_unowned(*address);
    else if (rules.failures && base::is_temporary_name(name))
      rules.failures->run(fmt::format("remove file '{}'", path_of(name)),
                          [&] { base::remove_file_at(dir_.get(), name); });
  };
  guarded(fmt::format("read directory '{}'", directory_), [&] { base::for_each_name(dir_.get(), visit); });
  looked_ = Looked::at_names;
  return present;
}

void DiskStore::scan(const ScanRules& rules) {
  complete_ = false;
  const LeaseIndex present = list_leases(rules);
  const uint64_t leases = present.count();
  index_.emplace(identity_, leases + leases / 16);
  index_->set_swept();
  unreadable_.clear();
  present.for_each([&](const IpAddress& address) { scan_lease(address, rules); });
  for (size_t set = 0; set < LeaseIndex::kCursors; ++set)
    if (const auto cursor = last_reserved(set)) index_->set_cursor(set, *cursor);
  complete_ = unreadable_.empty();
  looked_ = Looked::at_leases;
}

void DiskStore::scan_lease(const IpAddress& address, const ScanRules& rules) {
  const std::string name = address.str();
  const LeaseFile lease = read_lease(dir_.get(), name, rules.oldest ? LeaseTime::read : LeaseTime::skip);
  if (lease.state == LeaseFile::State::absent) return;
  if (lease.state != LeaseFile::State::read) {
    if (lease.state == LeaseFile::State::unreadable) unreadable_.push_back(path_of(name));
    index_->insert_unowned(address);
    return;
  }
  const bool torn = lease.mark.empty();
  const bool dead = torn ||
                    (rules.oldest && lease.modified < *rules.oldest && lease.modified >= base::kClockUnset) ||
                    (rules.is_live && !(*rules.is_live)(lease.mark));
  if (dead && mode_ == Mode::look) return;  // as good as free: the next ADD takes it back
  if (dead) {
    cni::Attempts ignored;
    bool removed = false;
    (rules.failures ? *rules.failures : ignored).run(fmt::format("remove lease '{}'", path_of(name)), [&] {
      base::remove_file_at(dir_.get(), name);
      removed = true;
    });
    if (removed) return;
  }
  if (torn) {
    index_->insert_unowned(address);
  } else {
    index_->insert(address, lease.mark);
  }
}

void DiskStore::collect(const std::function<bool(const std::string& mark)>& is_live) {
  cni::Attempts failures;
  scan({.is_live = &is_live, .failures = &failures});
  for (const std::string& path : unreadable_)
    failures.run(fmt::format("read lease '{}'", path), [] {
      throw Error(ErrorCode::io_failure, "its owner is not known", "repair or remove the file");
    });
  failures.throw_if_any();
}

/// Makes the index know the lease of `address`, if there is one.
void DiskStore::learn(const IpAddress& address) {
  const LeaseFile lease = read_lease(dir_.get(), address.str());
  const bool owned = lease.state == LeaseFile::State::read && !lease.mark.empty();
  if (owned) {
    const auto known = index_->find(lease.mark);
    if (std::find(known.begin(), known.end(), address) == known.end())
      return index_->insert(address, lease.mark);
  }
  // A torn lease is free: reserve() takes it over.
  if (owned || lease.state == LeaseFile::State::strange || lease.state == LeaseFile::State::unreadable)
    index_->insert_unowned(address);
}

bool DiskStore::look_again() {
  if (complete_ || looked_ != Looked::at_index) return false;
  const LeaseIndex present = list_leases({});
  index_->retain(present);
  present.for_each([&](const IpAddress& address) {
    if (!index_->is_taken(address)) learn(address);
  });
  return true;
}

void DiskStore::follow_round_robin(const std::vector<RangeSet>& sets) {
  if (complete_) return;
  size_t looks = 0;
  for (size_t set = 0; set < sets.size() && set < LeaseIndex::kCursors; ++set) {
    const auto now = last_reserved(set);
    const auto then = index_->cursor(set);
    if (!now && then) return scan({});  // the store was emptied
    if (!now || !find_range(sets[set], *now)) continue;
    learn(*now);  // always: the same address may have been given back and given out again
    if (now == then) continue;
    for (const Interval& interval : full_turn(sets[set], then)) {
      const bool ends_here =
          interval.range->contains(*now) && interval.first <= *now && *now <= interval.last;
      const IpAddress last = ends_here ? *now : interval.last;
      for (auto at = index_->first_free(interval.first, last); at;
           at = *at == last ? std::nullopt : index_->first_free(at->next(), last)) {
        if (looks++ == kMostLooks) return scan({});
        learn(*at);
      }
      if (ends_here) break;
    }
    index_->set_cursor(set, *now);
  }
}

}  // namespace ipam
