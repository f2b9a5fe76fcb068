#include "flanneld/lease/lease_table.h"

#include <utility>

namespace flanneld {

LeaseDiff diff(const LeaseMap& held, const LeaseMap& now) {
  LeaseDiff out;
  for (const auto& [key, lease] : now)
    if (const auto before = held.find(key);
        before == held.end() || before->second.attributes != lease.attributes)
      out.upserted.push_back(lease);
  for (const auto& [key, lease] : held)
    if (!now.contains(key)) out.removed.push_back(lease);
  return out;
}

LeaseDiff LeaseTable::set_own(const std::optional<LeaseKey>& own) {
  own_ = own;
  LeaseDiff out;
  for (auto entry = leases_.begin(); entry != leases_.end();) {
    if (!is_own(entry->first)) {
      ++entry;
      continue;
    }
    out.removed.push_back(std::move(entry->second));
    entry = leases_.erase(entry);
  }
  return out;
}

LeaseDiff LeaseTable::reset(const std::vector<Lease>& snapshot) {
  LeaseMap now;
  for (const Lease& lease : snapshot)
    if (!is_own(lease.key)) now.insert_or_assign(lease.key, lease);
  LeaseDiff out = diff(leases_, now);
  leases_ = std::move(now);
  return out;
}

LeaseDiff LeaseTable::apply(const std::vector<LeaseEvent>& events) {
  LeaseMap before, after;  // of the touched keys only: an event must not cost a pass over all peers
  for (const LeaseEvent& event : events) {
    const LeaseKey& key = event.lease.key;
    if (is_own(key)) continue;
    const auto held = leases_.find(key);
    if (held != leases_.end()) before.emplace(key, held->second);
    switch (event.kind) {
      case LeaseEvent::Kind::put:
        after.insert_or_assign(key, event.lease);
        break;
      case LeaseEvent::Kind::removed:
        after.erase(key);
        break;
    }
  }
  LeaseDiff out = diff(before, after);
  for (const auto& [key, lease] : before) leases_.erase(key);
  leases_.merge(after);
  return out;
}

}  // namespace flanneld
