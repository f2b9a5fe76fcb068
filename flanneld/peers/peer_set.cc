#include "flanneld/peers/peer_set.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/error.h"

namespace flanneld {

PeerSet::Candidate PeerSet::candidate(const Lease& lease) const {
  const bool was_planned = plans_.contains(lease.key);
  const Rank rank = was_planned ? Rank::held : waiting_.contains(lease.key) ? Rank::waiting : Rank::come;
  return {rank, &lease, was_planned, was_planned || rejected_.contains(lease.key)};
}

void PeerSet::put_in_order(std::vector<Candidate>& candidates) {
  const auto size = [](const LeaseKey& key) { return -(key.subnet ? key.subnet : key.ipv6_subnet)->prefix; };
  std::sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
    const LeaseKey &key = a.lease->key, &other = b.lease->key;
    if (a.rank != b.rank) return a.rank < b.rank;
    return size(key) != size(other) ? size(key) < size(other) : key < other;
  });
}

bool PeerSet::forget(const LeaseKey& key) {
  rejected_.erase(key);
  waiting_.erase(key);
  const auto planned = plans_.find(key);
  if (planned == plans_.end()) return false;
  claims_.remove(planned->first, *planned->second);
  plans_.erase(planned);
  return true;
}

std::string PeerSet::plan(const Lease& lease) {
  if (!backend_) return {};
  try {
    std::optional<std::string> fault = find_fault(lease, *config_, own_);
    if (!fault) {
      auto plan = std::make_shared<const PeerPlan>(backend_->peer_plan(lease));
      fault = claims_.find_conflict(*plan, [&](const LeaseKey& holder) {
        return is_same_node(table_.leases().at(holder).attributes, lease.attributes);
      });
      if (!fault) {
        const auto place = plans_.emplace(lease.key, std::move(plan)).first;
        claims_.add(place->first, *place->second);
        return {};
      }
      waiting_.insert(lease.key);
    }
    return rejected_[lease.key] = *fault;
  } catch (const base::ParseError& error) {
    return rejected_[lease.key] = error.what();
  }
}

const PeerPlans& PeerSet::use(const NetworkConfig* config, const Backend* backend, const Lease* own) {
  table_.set_own(own ? std::optional(own->key) : std::nullopt);
  std::vector<Candidate> candidates;
  for (const auto& [key, lease] : table_.leases()) candidates.push_back(candidate(lease));
  put_in_order(candidates);
  config_ = config;
  backend_ = backend;
  own_ = own;
  claims_.clear();
  plans_.clear();
  rejected_.clear();
  waiting_.clear();
  for (const Candidate& one : candidates) plan(*one.lease);
  return plans_;
}

PeerChange PeerSet::merge(const std::vector<Lease>& leases) {
  std::vector<Lease> merged = leases;
  for (const auto& [key, peer] : table_.leases()) {
    // A node that has claimed again holds what it claimed, and a subnet is whose it is now.
    const bool is_contradicted = std::any_of(leases.begin(), leases.end(), [&](const Lease& lease) {
      return is_same_node(lease.attributes, peer.attributes) || lease.key.shares_subnet(peer.key);
    });
    if (!is_contradicted) merged.push_back(peer);
  }
  return reset(merged);
}

PeerChange PeerSet::take(const LeaseDiff& diff) {
  PeerChange change;
  for (const Lease& lease : diff.removed) {
    if (forget(lease.key)) change.removed.push_back(lease.key);
    change.left.push_back(lease);
  }
  std::vector<Candidate> candidates;
  for (const Lease& lease : diff.upserted) candidates.push_back(candidate(lease));
  for (const Candidate& one : candidates) forget(one.lease->key);
  for (const LeaseKey& key : std::set(waiting_)) {  // what they wait for may be free now
    candidates.push_back(candidate(table_.leases().at(key)));
    forget(key);
  }
  put_in_order(candidates);
  for (const Candidate& one : candidates) {
    const Lease& lease = *one.lease;
    if (const std::string reason = plan(lease); !reason.empty()) {
      if (one.was_planned) change.removed.push_back(lease.key);
      if (one.rank != Rank::waiting) change.rejected.emplace_back(lease, reason);  // else it has been told
      continue;
    }
    if (backend_) change.upserted.emplace(lease.key, plans_.at(lease.key));
    (one.is_known ? change.changed : change.joined).push_back(lease);
  }
  return change;
}

}  // namespace flanneld
