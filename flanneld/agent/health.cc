#include "flanneld/agent/health.h"

#include <fmt/format.h>

namespace flanneld {
namespace {

constexpr size_t kNamedRejects = 20;  // unusable leases that are listed one by one

void add_rejected(const PeerSet& peers, Problems& problems) {
  auto& told =
      is_with_most(peers.rejected().size(), peers.leases().size()) ? problems.own : problems.elsewhere;
  size_t named = 0;
  for (const auto& [key, reason] : peers.rejected()) {
    if (++named > kNamedRejects) {
      told.push_back(fmt::format("{} more leases cannot be used", peers.rejected().size() - kNamedRejects));
      return;
    }
    told.push_back(fmt::format("the lease {} of {} cannot be used: {}", key.str(),
                               node_address(peers.leases().at(key).attributes), reason));
  }
}

void add_kept(const PeerSet& peers, Problems& problems) {
  if (peers.kept().empty()) return;
  const auto& [key, reason] = *peers.kept().begin();
  problems.elsewhere.push_back(fmt::format("{} of the peers {} changed {} backend, the first, {}: {}",
                                           peers.kept().size(), peers.kept().size() == 1 ? "has" : "have",
                                           peers.kept().size() == 1 ? "its" : "their", key.str(), reason));
}

void add_refused(const PeerSet& peers, const Failures& failures, Problems& problems) {
  if (failures.empty()) return;
  auto& told = is_with_most(failures.count(), peers.plans().size()) ? problems.own : problems.elsewhere;
  told.push_back(fmt::format("{} of the objects that peers need could not be made, the first: {}",
                             failures.count(), failures.first()));
}

}  // namespace

void add_skipped(const PassedOver& skipped, Problems& problems) {
  for (const std::string& entry : skipped.named)
    problems.elsewhere.push_back(fmt::format("the store's entry {}", entry));
  if (skipped.unnamed != 0)
    problems.elsewhere.push_back(fmt::format("{} more entries of the store cannot be used", skipped.unnamed));
}

std::optional<std::string> find_not_ready(const Readiness& readiness, const ReconcilerStatus& kernel,
                                          const TrafficStatus* rules) {
  if (!readiness.is_done()) return fmt::format("waiting for {}", readiness.reason().value_or("a lease"));
  if (!kernel.failures.empty())
    return fmt::format("{} of the kernel's objects could not be made, the first: {}", kernel.failures.count(),
                       kernel.failures.first());
  if (!kernel.drift.empty())
    return fmt::format("{} of the kernel's objects are not as wanted, and --heal is off; the first: {}",
                       kernel.drift.count(), kernel.drift.first());
  return rules ? rules->failure : std::nullopt;
}

Problems find_problems(const NodeState& state, const Readiness& readiness, const SavedLeases& saved,
                       const ReconcilerStatus& kernel, const TrafficStatus* rules) {
  Problems problems;
  std::vector<std::string>& own = problems.own;
  if (state.problems.store)
    own.push_back(fmt::format("{}{}", *state.problems.store,
                              saved.are_in_use() ? "; working with the leases saved on disk" : ""));
  if (readiness.is_done() && readiness.reason())
    own.push_back(fmt::format("it waits for {}", *readiness.reason()));
  for (const auto& problem :
       {state.problems.config, state.problems.interface, state.problems.collision, saved.problem()})
    if (problem) own.push_back(*problem);
  if (state.problems.contest && EventLoop::Clock::now() - state.problems.contested_at < kContestLimit)
    own.push_back(*state.problems.contest);
  if (const auto collision = state.config && readiness.is_done() ? find_own_collision(state) : std::nullopt)
    own.push_back(*collision);
  own.insert(own.end(), state.problems.hints.begin(), state.problems.hints.end());
  add_rejected(state.peers, problems);
  add_kept(state.peers, problems);
  add_refused(state.peers, kernel.peer_failures, problems);
  if (rules && rules->blocked) own.push_back(*rules->blocked);
  return problems;
}

}  // namespace flanneld
