#include "flanneld/peers/peer_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"

namespace flanneld {
namespace {

constexpr uint8_t kMostWithBroadcast = 30;  // longer prefixes have no address but for nodes (RFC 3021)

}  // namespace

PeerSet::Candidate PeerSet::take_out(const Lease& lease) {
  Candidate candidate{.lease = &lease,
                      .rank = waiting_.contains(lease.key) ? Rank::waiting : Rank::new_lease,
                      .since = since_.at(lease.key),
                      .was_rejected = rejected_.contains(lease.key),
                      .before = {}};
  if (const auto planned = plans_.find(lease.key); planned != plans_.end()) {
    candidate.rank = Rank::planned_before;
    candidate.before = planned->second;
  }
  forget(lease.key);
  return candidate;
}

void PeerSet::forget(const LeaseKey& key) {
  rejected_.erase(key);
  kept_.erase(key);
  waiting_.erase(key);
  const auto planned = plans_.find(key);
  if (planned == plans_.end()) return;
  note_plan(key);
  overlap_.remove(key, *planned->second.plan);
  identities_.remove(key);
  plans_.erase(planned);
}

void PeerSet::note_plan(const LeaseKey& key) {
  const auto planned = plans_.find(key);
  before_.try_emplace(key, planned == plans_.end() ? nullptr : planned->second.plan);
}

PlanChanges PeerSet::take_changes() {
  PlanChanges changes;
  for (auto& [key, before] : std::exchange(before_, {})) {
    const auto planned = plans_.find(key);
    const PlannedPeer now = planned == plans_.end() ? PlannedPeer{} : planned->second;
    if (before != now.plan) changes.push_back({before, now});
  }
  return changes;
}

void PeerSet::put_in_order(std::vector<Candidate>& candidates) {
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::pair(a.rank, a.since) < std::pair(b.rank, b.since);
  });
}

std::optional<std::string> PeerSet::plan(const Candidate& candidate) {
  if (!backend_) return std::nullopt;
  std::optional<std::string> fault;
  try {
    fault = try_plan(candidate);
  } catch (const base::ParseError& error) {
    fault = error.what();
  }
  if (fault) rejected_[candidate.lease->key] = *fault;
  return fault;
}

std::optional<std::string> PeerSet::try_plan(const Candidate& candidate) {
  const Lease& lease = *candidate.lease;
  if (auto fault = find_fault(lease, *config_, own_ ? &*own_ : nullptr)) return fault;
  if (auto fault = find_unfit_address(lease)) return fault;
  const bool keeps = is_kept(candidate);
  PeerPlan plan = keeps ? *candidate.before.plan : backend_->peer_plan(lease);
  if (auto collision = find_collision_of(plan)) return collision;
  if (auto conflict = find_conflict(lease, plan)) {
    waiting_.insert(lease.key);
    return conflict;
  }
  if (keeps)
    kept_[lease.key] = fmt::format(
        "its backend is {} now, which this node's does not reach; until both have the same one it is reached "
        "as before",
        base::quoted(lease.attributes.backend_type));
  overlap_.add(lease.key, plan);
  identities_.add(lease, plan);
  note_plan(lease.key);
  const bool is_as_before = candidate.before.plan && *candidate.before.plan == plan;
  plans_[lease.key] = is_as_before
                          ? candidate.before
                          : PlannedPeer{std::make_shared<const PeerPlan>(std::move(plan)), ++published_};
  return std::nullopt;
}

bool PeerSet::is_kept(const Candidate& candidate) const {
  if (!candidate.before.plan || backend_->serves(*candidate.lease)) return false;
  const std::vector<std::string> links = backend_->node_plan(own_ ? &own_->key : nullptr).route_links;
  const std::vector<PlannedRoute>& routes = candidate.before.plan->routes;
  return std::all_of(routes.begin(), routes.end(), [&](const PlannedRoute& route) {
    return std::find(links.begin(), links.end(), route.link) != links.end();
  });
}

std::optional<std::string> PeerSet::find_conflict(const Lease& lease, const PeerPlan& plan) const {
  const auto is_same = [&](const LeaseKey& holder) {
    return is_same_publisher(table_.leases().at(holder).attributes, lease.attributes);
  };
  if (auto conflict = overlap_.find_conflict(plan, is_same)) return conflict;
  return identities_.find_conflict(lease, plan, is_same);
}

/// What is sent there would reach all nodes of that network, or none.
std::optional<std::string> PeerSet::find_unfit_address(const Lease& lease) const {
  const base::IpAddress& address = lease.attributes.public_ip;
  for (const base::IpNet& net : on_link_) {
    if (net.address.family() != base::Family::v4 || net.prefix > kMostWithBroadcast) continue;
    const bool is_first = address == net.network().address;
    if (is_first || address == net.last())
      return fmt::format("public IPv4 address {} is the {} address of {}", address,
                         is_first ? "network" : "broadcast", net.network());
  }
  return std::nullopt;
}

std::optional<std::string> PeerSet::find_collision_of(const PeerPlan& plan) const {
  if (own_networks_.empty()) return std::nullopt;
  for (const PlannedRoute& route : plan.routes)
    if (const auto& config = config_->of(route.dst.address.family()))
      if (auto collision = find_collision(own_networks_, route.dst, config->network)) return collision;
  return std::nullopt;
}

void PeerSet::use(NetworkConfig config, std::shared_ptr<const Backend> backend, std::optional<Lease> own,
                  std::vector<OwnNetwork> own_networks, std::vector<base::IpNet> on_link) {
  table_.set_own(own ? std::optional(own->key) : std::nullopt);
  std::vector<Candidate> candidates;
  for (const auto& [key, lease] : table_.leases()) candidates.push_back(take_out(lease));
  put_in_order(candidates);
  config_ = std::move(config);
  backend_ = std::move(backend);
  own_ = std::move(own);
  own_networks_ = std::move(own_networks);
  on_link_ = std::move(on_link);
  overlap_.clear();  // also of what has become the own lease
  identities_.clear();
  for (const auto& [key, planned] : plans_) note_plan(key);
  plans_.clear();
  rejected_.clear();
  kept_.clear();
  waiting_.clear();
  for (const Candidate& one : candidates) plan(one);
}

PeerChange PeerSet::reset(const std::vector<Lease>& leases) {
  for (const Lease& lease : leases) note_age(lease.key);
  PeerChange change = take(table_.reset(leases));
  std::erase_if(since_, [&](const auto& one) { return !table_.leases().contains(one.first); });
  return change;
}

PeerChange PeerSet::apply(const std::vector<LeaseEvent>& events) {
  for (const LeaseEvent& event : events) note_age(event.lease.key);
  PeerChange change = take(table_.apply(events));
  for (const LeaseEvent& event : events)
    if (!table_.leases().contains(event.lease.key)) since_.erase(event.lease.key);
  return change;
}

PeerChange PeerSet::merge(const std::vector<Lease>& leases) {
  std::vector<Lease> merged = leases;
  for (const auto& [key, peer] : table_.leases()) {
    // A node that has claimed again holds what it claimed, and a subnet belongs to whoever holds it now.
    const bool is_contradicted =
        std::any_of(leases.begin(), leases.end(), [&held = peer](const Lease& lease) {
          return is_same_node(lease.attributes, held.attributes) || lease.key.shares_subnet(held.key);
        });
    if (!is_contradicted) merged.push_back(peer);
  }
  return reset(merged);
}

PeerChange PeerSet::take(const LeaseDiff& diff) {
  PeerChange change;
  for (const Lease& lease : diff.removed) {
    forget(lease.key);
    change.left.push_back(lease);
  }
  bool frees = !diff.removed.empty();
  std::vector<Candidate> candidates;
  for (const Lease& lease : diff.upserted) {
    candidates.push_back(take_out(lease));
    frees = frees || candidates.back().before.plan;
  }
  if (frees)
    for (const LeaseKey& key : std::set(waiting_))  // what they wait for may be free now
      candidates.push_back(take_out(table_.leases().at(key)));
  put_in_order(candidates);
  for (const Candidate& one : candidates) {
    const Lease& lease = *one.lease;
    if (const auto reason = plan(one)) {
      if (one.rank != Rank::waiting) change.rejected.emplace_back(lease, *reason);  // else it has been told
    } else if (const auto kept = kept_.find(lease.key); kept != kept_.end()) {
      change.kept.emplace_back(lease, kept->second);
    } else {
      (one.before.plan || one.was_rejected ? change.changed : change.joined).push_back(lease);
    }
  }
  return change;
}

}  // namespace flanneld
