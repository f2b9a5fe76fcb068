// What the agent shows of itself, and saves.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "flanneld/agent/agent.h"
#include "flanneld/store/factory.h"

namespace flanneld {

/// The configuration before, as long as a peer has what only that allows.
std::string Agent::former_config() const {
  if (!backend_choice_.former_config().empty()) return backend_choice_.former_config();
  const auto& leases = state_.peers.leases();
  const bool is_behind = std::any_of(leases.begin(), leases.end(), [this](const auto& one) {
    return std::any_of(base::kFamilies.begin(), base::kFamilies.end(), [&](base::Family family) {
      const auto& subnet = one.first.of(family);
      const auto& config = state_.config->of(family);
      return subnet && config && !config->peer_lens.empty() && subnet->prefix != config->subnet_len;
    });
  });
  for (const std::string& text : state_.earlier_configs)
    if (is_behind && !text.empty() && text != state_.config_text) return text;
  return {};
}

std::optional<SavedState> Agent::state_to_save() const {
  if (!state_.own) return std::nullopt;
  SavedState saved{.store = store_identity(options_),
                   .cluster = state_.cluster,
                   .network_config = state_.config_text,
                   .former_config = former_config(),
                   .own = *state_.own,
                   .peers = {}};
  for (const auto& [key, lease] : state_.peers.leases()) saved.peers.push_back(lease);
  return saved;
}

Health Agent::health() const {
  Health health{.not_ready = find_not_ready(readiness_, reconciler_.status(), rules_status()),
                .problems = find_problems(state_, readiness_, saved_, reconciler_.status(), rules_status())};
  if (!health.not_ready && carrier_.problem()) health.not_ready = carrier_.problem();
  add_skipped(store_->skipped(), health.problems);
  for (const auto& problem :
       {pages_.problem(), job_.problem(), subnet_file_.problem(), fight_.problem(EventLoop::Clock::now()),
        runtime_config_.problem(), wireguard_.problem(),
        readiness_.is_done() ? after_lease_.problem() : std::nullopt, peer_hooks_.problem()})
    if (problem) health.problems.own.push_back(*problem);
  probes_.add_problems(health.problems);
  const auto& seen = node_watch_.problems();
  health.problems.own.insert(health.problems.own.end(), seen.begin(), seen.end());
  return health;
}

/// They have no line in the log each: somebody may change things again and again.
void Agent::tell_repairs() {
  const uint64_t repairs =
      reconciler_.status().repairs + node_watch_.repairs() + (rules_ ? rules_->status().restored : 0);
  if (repairs > repairs_told_)
    events_.add(
        base::LogLevel::warning,
        fmt::format(
            "repaired: what somebody else changed in kernel objects, rules or settings of the node, {} {}",
            repairs - repairs_told_, repairs - repairs_told_ == 1 ? "time" : "times"));
  repairs_told_ = repairs;
}

AgentStatus Agent::status() const {
  const Health now = health();
  AgentStatus status;
  status.flags = options_.public_flags();
  status.store = store_->describe();
  status.store_problem = state_.problems.store;
  status.not_ready = now.not_ready;
  status.problems = now.problems;
  status.backend = state_.config ? state_.config->backend_type : "";
  status.external = state_.external;
  status.own = state_.own;
  status.mtu = state_.backend ? state_.backend->mtu() : 0;
  status.peers = state_.peers.leases();
  status.plans = state_.peers.plans();
  status.handover = backend_choice_.describe();
  status.kept = state_.peers.kept();
  status.rejected = state_.peers.rejected();
  status.kernel = reconciler_.status();
  status.udp = carrier_.counters();
  status.tunnels = reconciler_.read_tunnels();
  if (rules_) status.rules = rules_->status();
  status.counters = state_.counters;
  status.probes = probes_.prober().results();
  status.probe_counters = probes_.prober().counters();
  const PassedOver skipped = store_->skipped();
  status.unusable_entries = skipped.named.size() + skipped.unnamed;
  status.pod_ports = node_watch_.pod_ports();
  status.node_repairs = node_watch_.repairs() + subnet_file_.repairs();
  return status;
}

}  // namespace flanneld
