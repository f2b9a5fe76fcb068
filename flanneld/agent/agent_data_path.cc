// What the agent makes for its lease: kernel objects, packet filter, subnet.env; and what it gives up then.
#include <fmt/format.h>

#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "flanneld/agent/agent.h"
#include "flanneld/agent/published_config.h"
#include "flanneld/kernel/node_facts.h"
#include "flanneld/node/subnet_file.h"

namespace flanneld {
namespace {

constexpr std::chrono::milliseconds kAttachRetry{1000};

}  // namespace

void Agent::make_backend_for(const ExternalInterface& external, HostLook host) {
  const bool is_saved = options_.kube_subnet_mgr && state_.own && state_.node == NodeRead{};
  state_.backend = backend_choice_.make(
      {.config = *state_.config,
       .external = external,
       .devices = read_devices(netlink_),
       .routes = host.routes,
       .published = is_saved ? state_.own->attributes : state_.node.published,
       .wireguard_key =
           backend_choice_.uses("wireguard", *state_.config) ? std::optional(wireguard_.key()) : std::nullopt,
       .startup_output = before_lease_.output()});
  state_.external = external;
  state_.host = std::move(host);
  state_.problems.collision = describe_collisions(state_);
  if (auto hints = state_.backend->hints(); hints != state_.problems.hints) {
    for (const std::string& hint : hints) base::log_warning(hint);
    state_.problems.hints = std::move(hints);
  }
}

/// A container without a lasting directory has none saved; what the node has published tells the last one.
std::vector<std::string> Agent::earlier_configs(const std::string& text) {
  std::vector<std::string> all = state_.earlier_configs;
  try {
    if (auto config = published_config(text, state_.node.published, read_devices(netlink_)))
      all.push_back(std::move(*config));
  } catch (const base::SystemError& error) {
    base::log_debug(fmt::format("what was published before: {}", error.what()));
  }
  return all;
}

/// The former backend's device goes, and with it what its headers took of the pods' packets.
void Agent::end_handover() {
  try {
    make_backend_for(*state_.external, look_at_host(state_.external->ifindex));
    attach();
  } catch (const base::SystemError& error) {
    try_again(Phase::interface, error.what(), configure_timer_);
  }
}

void Agent::attach() {
  if (!may_attach()) return;
  try {
    if (const auto collision = find_own_collision(state_); collision && !readiness_.is_done())
      return try_again(Phase::data_path, *collision, attach_timer_);
    const auto command = state_.own ? state_.backend->command_after_lease(state_.own->key) : std::nullopt;
    if (const auto reason = after_lease_.run_once(command); reason && !readiness_.is_done())
      return readiness_.wait(Phase::data_path, *reason);
    state_.peers.use(*state_.config, state_.backend, state_.own, state_.host.own_networks,
                     networks_on_link(state_));
    peers_timer_.cancel();
    state_.peers.take_changes();  // as all plans are taken now
    if (rules_) rules_->set_nodes(tunnel_senders(state_));
    reconciler_.reconcile(node_plan(state_, options_), state_.peers.plans());
    carry();
    state_.host.pod_bridge = look_at_pod_bridge();  // the lease tells which it is
    if (state_.own)
      apply_rules();
    else
      finish_attach();
  } catch (const base::SystemError& error) {
    try_again(Phase::data_path, error.what(), attach_timer_);
  }
}

void Agent::carry() {
  carrier_.use(state_.backend->packet_tunnel(), options_.tunnel_sources);
  carrier_.set_peers(state_.peers.plans());
  peer_hooks_.use(state_.backend->peer_commands(), state_.peers.plans());
}

void Agent::apply_peers_now() {
  PlanChanges changes = state_.peers.take_changes();
  // Before they have a reason to send.
  if (const NodeChange senders = change_of_senders(changes); rules_ && !senders.empty())
    rules_->change_nodes(senders);
  reconciler_.apply(std::move(changes));
  carrier_.set_peers(state_.peers.plans());
  peer_hooks_.use(state_.backend->peer_commands(), state_.peers.plans());
  probes_.use_soon();
  backend_choice_.look(state_.peers);
  peers_applied_ = EventLoop::Clock::now();
  status_changed();
}

/// The state file, as it was read at the start, has the configuration that the agent works with.
bool Agent::is_saved_config() const {
  const auto& saved = state_.earlier_configs;
  return !saved.empty() && saved.front() == state_.config_text;
}

void Agent::finish_attach() {
  if (!may_attach()) return;
  // subnet.env tells of a network, so there must be one. The failure is in the log.
  const auto& no_device = reconciler_.status().no_device;
  if (const auto& reason = no_device ? no_device : carrier_.problem(); reason && !readiness_.is_done()) {
    readiness_.wait(Phase::data_path, *reason);
    attach_timer_.start(kAttachRetry);
    return;
  }
  try {
    if (state_.own) write_subnet_env();
    state_.former.clear();
    node_watch_.start(node_plan(state_, options_).own_subnets);
    readiness_.finish();
    last_failure_.reset();
    if (is_saved_config())
      saved_.save_soon();
    else
      saved_.save_now();
    backend_choice_.look(state_.peers);
    probes_.use();
    if (!applies_rules_) apply_peers();  // those that came while programs wrote the rules
    status_changed();
  } catch (const base::SystemError& error) {
    try_again(Phase::data_path, error.what(), attach_timer_);
  }
}

void Agent::apply_rules() {
  const bool nftables = state_.config->enable_nftables.value_or(true);
  if (!rules_) {
    rules_ = make_traffic_rules(loop_, nftables ? TrafficEngine::nftables : TrafficEngine::iptables,
                                options_.iptables_resync, [this] { rules_changed(); });
    rules_->set_nodes(tunnel_senders(state_));
  }
  if (!readiness_.is_done()) readiness_.wait(Phase::data_path, "the packet filter's rules");
  applies_rules_ = true;
  rules_->apply(traffic_spec(state_, options_), [this] { finish_attach(); });
  applies_rules_ = false;
}

void Agent::rules_changed() {
  const auto now = EventLoop::Clock::now();
  if (rules_ && fight_.note(rules_->status().restored, now)) base::log_warning(*fight_.problem(now));
  status_changed();
}

/// The kernel tells the reconciler of the new link; what waits for it need not wait until its time has come.
void Agent::program_started() {
  if (!readiness_.is_done()) attach();
}

void Agent::write_subnet_env() {
  const auto env = make_subnet_env(*state_.config, state_.own->key, state_.backend->mtu(),
                                   masqueraded(*state_.config, options_).any());
  if (subnet_file_.write(env))
    base::log_info(
        fmt::format("wrote {}: subnet {}, MTU {}", options_.subnet_file, state_.own->key.str(), env.mtu));
}

void Agent::confine() {
  if ((rules_ && rules_->needs_programs()) || store_->needs_programs()) return;
  if (reconciler_.status().has_program) return;  // which is started again when it ends
  if (!state_.backend->peer_commands().empty()) return;
  try {
    confine_();
  } catch (const base::SystemError& error) {
    base::log_warning(fmt::format("{}, ignoring", error.what()));
  }
}

}  // namespace flanneld
