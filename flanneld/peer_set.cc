#include "flanneld/peer_set.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"

namespace flanneld {

std::string PeerSet::plan(const Lease& lease) {
  plans_.erase(lease.key);
  rejected_.erase(lease.key);
  if (!backend_) return {};
  std::string reason;
  if (const auto fault = find_fault(lease, *config_, own_)) reason = *fault;
  try {
    if (reason.empty()) plans_[lease.key] = backend_->peer_plan(lease);
  } catch (const base::ParseError& error) {
    reason = error.what();
  }
  if (!reason.empty()) rejected_[lease.key] = reason;
  return reason;
}

const std::map<LeaseKey, PeerPlan>& PeerSet::use(const NetworkConfig* config, const Backend* backend,
                                                 const Lease* own) {
  config_ = config;
  backend_ = backend;
  own_ = own;
  plans_.clear();
  rejected_.clear();
  table_.set_own(own ? std::optional(own->key) : std::nullopt);
  for (const auto& [key, lease] : table_.leases()) plan(lease);
  return plans_;
}

PeerChange PeerSet::merge(const std::vector<Lease>& leases) {
  std::vector<Lease> merged = leases;
  std::set<base::IpAddress> nodes;
  for (const Lease& lease : leases) nodes.insert(lease.attributes.public_ip);
  for (const auto& [key, peer] : table_.leases()) {
    // A node that has claimed again holds what it claimed, and a subnet is whose it is now.
    const bool has_claimed =
        !peer.attributes.public_ip.is_unspecified() && nodes.contains(peer.attributes.public_ip);
    const bool is_taken = std::any_of(leases.begin(), leases.end(), [&held = key](const Lease& lease) {
      return lease.key.shares_subnet(held);
    });
    if (!has_claimed && !is_taken) merged.push_back(peer);
  }
  return reset(merged);
}

PeerChange PeerSet::take(const LeaseDiff& diff) {
  PeerChange change;
  for (const Lease& lease : diff.removed) {
    if (plans_.erase(lease.key) != 0) change.removed.push_back(lease.key);
    rejected_.erase(lease.key);
    change.left.push_back(lease);
  }
  for (const Lease& lease : diff.upserted) {
    const bool was_planned = plans_.contains(lease.key);
    const bool is_known = was_planned || rejected_.contains(lease.key);
    if (const std::string reason = plan(lease); !reason.empty()) {
      if (was_planned) change.removed.push_back(lease.key);
      change.rejected.emplace_back(lease, reason);
      continue;
    }
    if (backend_) change.upserted.emplace(lease.key, plans_.at(lease.key));
    (is_known ? change.changed : change.joined).push_back(lease);
  }
  return change;
}

}  // namespace flanneld
