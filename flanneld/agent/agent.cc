#include "flanneld/agent/agent.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/flannel/names.h"
#include "flanneld/agent/uplink.h"
#include "flanneld/backend/extension.h"
#include "flanneld/io/release_memory.h"
#include "flanneld/kernel/node_facts.h"
#include "flanneld/node/subnet_file.h"

namespace flanneld {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kRetry{1000};
/// An address that a DHCP client takes away and gives back moves no node.
constexpr milliseconds kMoveGrace{1000};
/// A burst of changes goes to the kernel in portions, as each may cost a walk over all peers.
constexpr milliseconds kApplyGap{20};

Heal heal_of(const Options& options) { return options.heal ? Heal::yes : Heal::no; }

/// Why the node leaves its external interface, unless that serves again within the grace time.
void log_loss(const std::string& reason) {
  base::log_warning(fmt::format("the external interface must change: {}", reason));
}

void log_sleep(std::chrono::seconds time) {
  base::log_info(
      fmt::format("the machine was asleep for {} s; what fell due meanwhile is done now", time.count()));
}

std::optional<LeaseKey> read_previous(const std::string& subnet_file) {
  try {
    const auto previous = read_previous_lease(subnet_file);
    if (previous) base::log_info(fmt::format("this node had the subnet {} before", previous->str()));
    return previous;
  } catch (const std::exception& error) {
    base::log_warning(fmt::format("read the subnet that the node had: {}, ignoring", error.what()));
    return std::nullopt;
  }
}

/// What the agent's runs before may have left objects of.
std::vector<base::IpNet> read_former_networks(const std::string& subnet_file,
                                              const std::optional<LeaseKey>& previous) {
  std::vector<base::IpNet> former;
  try {
    former = read_previous_networks(subnet_file);
  } catch (const std::exception&) {
    return {};  // told by read_previous()
  }
  if (previous)
    for (const auto& subnet : {previous->subnet, previous->ipv6_subnet})
      if (subnet) former.push_back(*subnet);
  return former;
}

}  // namespace

Agent::Agent(EventLoop& loop, const Options& options, std::unique_ptr<LeaseStore> store, Confine confine,
             milliseconds store_grace)
    : loop_(loop),
      options_(options),
      netlink_(netlink::NetlinkSocket::open()),
      store_(std::move(store)),
      confine_(std::move(confine)),
      saved_(loop, options,
             {.use = [this](const SavedState& saved) { return use_saved(saved); },
              .collect = [this] { return state_to_save(); },
              .settled = [] { give_memory_back(); },
              .changed = [this] { status_changed(); }},
             store_grace),
      store_events_(options, *store_, state_, readiness_, saved_,
                    {.use_config = [this](const std::string& text) { use_config(text); },
                     .node_changed = [this] { host_changed(); },
                     .attach = [this] { attach(); },
                     .apply_peers = [this] { apply_peers(); },
                     .status_changed = [this] { status_changed(); }}),
      backend_choice_(loop, [this] { end_handover(); }),
      reconciler_(loop, heal_of(options),
                  {.changed = [this] { status_changed(); },
                   .host_changed = [this] { host_changed(); },
                   .needs_program = [this](const std::string& link) { wireguard_.start_program(link); }}),
      node_watch_(loop, heal_of(options), [this] { status_changed(); }),
      subnet_file_(loop, options.subnet_file, heal_of(options), [this] { status_changed(); }),
      runtime_config_(loop, options, [this] { status_changed(); }),
      pages_({.health = [this] { return health(); },
              .status = [this] { return status(); },
              .events = [this]() -> const AgentEvents& { return events_.events(); }}),
      job_(loop, options,
           {.waits = [this](const std::string& reason) { readiness_.wait(readiness_.phase(), reason); },
            .taken_over = [this] { pages_.listen_again(); },
            .changed = [this] { status_changed(); }}),
      wireguard_(loop, options, [this] { program_started(); }),
      sleep_watch_(loop, &log_sleep),
      configure_timer_(loop, [this] { configure(); }),
      attach_timer_(loop, [this] { attach(); }),
      peers_timer_(loop, [this] { apply_peers_now(); }),
      confine_timer_(loop, [this] { this->confine(); }),
      announce_timer_(loop, [this] { status_changed(); }) {}

void Agent::start() {
  pages_.listen(loop_, options_);
  job_.take_subnet_file([this] { begin(); });
}

void Agent::begin() {
  state_.previous = read_previous(options_.subnet_file);
  state_.former = read_former_networks(options_.subnet_file, state_.previous);
  base::log_info(fmt::format("subnet manager: {}", store_->describe()));
  if (!options_.no_subnet) saved_.load();
  if (saved_.waiting())
    state_.earlier_configs = {saved_.waiting()->network_config, saved_.waiting()->former_config};
  if (!options_.network_config.empty() && !options_.kube_subnet_mgr) use_config(options_.network_config);
  store_->start([this](const StoreEvent& event) { store_events_.take(event); });
}

NetworkConfig Agent::parse_config(const std::string& text) const {
  return NetworkConfig::parse(text, options_.who_chooses_subnets());
}

void Agent::use_config(const std::string& text) {
  NetworkConfig config = parse_config(text);
  if (state_.config) {
    for (const base::IpNet& network : pod_networks(state_)) state_.former.push_back(network);
    state_.earlier_configs.insert(state_.earlier_configs.begin(), state_.config_text);
  }
  backend_choice_.came_from(earlier_configs(text), config, options_.who_chooses_subnets());
  take_lengths_of(state_.earlier_configs, config);
  state_.config = std::move(config);
  state_.config_text = text;
  state_.problems.config.reset();
  if (state_.own && readiness_.is_done()) {
    // The store was away and has another configuration than was saved: begin again with it.
    state_.previous = state_.own->key;
    state_.own.reset();
    peers_timer_.cancel();
    readiness_.restart();
  }
  configure();
}

void Agent::configure() {
  if (!state_.config) return;
  try {
    if (!job_.take_networks(pod_networks(state_), [this] { configure(); })) return;
    if (const auto reason = before_lease_.run_once(command_before_lease(*state_.config)))
      return readiness_.wait(Phase::interface, *reason);
    const InterfaceChoice choice = choose_uplink(netlink_, state_, options_, saved_);
    if (!choice.chosen) {
      const std::string reason = fmt::format("no external interface serves: {}", choice.reasons());
      if (state_.problems.interface != reason) base::log_error(reason);
      state_.problems.interface = reason;
      if (!state_.backend)
        readiness_.wait(Phase::interface, fmt::format("an external interface: {}", choice.reasons()));
      configure_timer_.start(kRetry);
      return;
    }
    state_.problems.interface.reset();
    if (choice.lost) log_loss(*choice.lost);
    base::log_info(fmt::format("external interface {}", choice.chosen->describe()));
    make_backend_for(*choice.chosen, look_at_host(choice.chosen->ifindex));
    if (may_attach()) {
      attach();
    } else {
      state_.peers.use(*state_.config, state_.backend, std::nullopt, state_.host.own_networks,
                       networks_on_link(state_));
      reconciler_.reconcile(node_plan(state_, options_));
    }
    claim();
  } catch (const base::ParseError& error) {
    base::log_error(fmt::format("network configuration: {}", error.what()));
    state_.problems.config = error.what();
    saved_.hold();
    readiness_.wait(Phase::config, fmt::format("a network configuration that can be used: {}", error.what()));
  } catch (const base::SystemError& error) {
    try_again(Phase::interface, error.what(), configure_timer_);
  }
}

HostLook Agent::look_at_host(int external) {
  return {.routes = read_host_routes(netlink_, external),
          .own_networks = read_own_networks(netlink_, pod_networks(state_), external),
          .uplinks = read_uplinks(netlink_, external),
          .pod_bridge = look_at_pod_bridge()};
}

/// Of several agents on a node, the one with the usual subnet file has the usual bridge.
PodBridge Agent::look_at_pod_bridge() {
  const bool is_usual = options_.subnet_file == find_flag("subnet-file")->default_value;
  return read_pod_bridge(netlink_, own_subnets(state_), is_usual ? flannel::kPodBridge : "");
}

void Agent::claim() {
  if (options_.no_subnet) {
    if (!may_attach()) readiness_.wait(Phase::lease, fmt::format("the leases in the {}", store_->describe()));
    return store_->claim({.config = *state_.config,
                          .attributes = state_.backend->attributes(),
                          .previous = {},
                          .kind = Claim::Kind::none});
  }
  if (!state_.own) readiness_.wait(Phase::lease, fmt::format("a lease from the {}", store_->describe()));
  store_->claim({*state_.config, state_.backend->attributes(),
                 state_.own ? std::optional(state_.own->key) : state_.previous, networks_to_avoid(state_)});
}

/// Logs the failure, but not again at each try.
void Agent::try_again(Phase phase, const std::string& reason, Timer& timer) {
  if (last_failure_ != reason) base::log_error(reason);
  last_failure_ = reason;
  readiness_.wait(phase, reason);
  timer.start(kRetry);
}

void Agent::reload() {
  store_->reload();
  runtime_config_.look_again();
}

void Agent::host_changed() {
  if (!state_.config || !state_.external) return;
  try {
    const InterfaceChoice choice = choose_uplink(netlink_, state_, options_, saved_);
    if (!choice.chosen || !is_same(*choice.chosen, *state_.external)) {
      if (!choice.lost) return configure();
      if (configure_timer_.armed()) return;
      log_loss(*choice.lost);
      configure_timer_.start(kMoveGrace);
      return;
    }
    state_.problems.interface.reset();
    HostLook host = look_at_host(state_.external->ifindex);
    if (host == state_.host) return;
    make_backend_for(*state_.external, std::move(host));  // other peers may be directly connected now
    attach();
  } catch (const base::SystemError& error) {
    base::log_warning(fmt::format("look at the node's interfaces: {}", error.what()));
    configure_timer_.start(kRetry);
  }
}

/// The way from the store to the kernel, for lists and single changes.
void Agent::apply_peers() {
  saved_.save_peers_soon();
  if (!readiness_.is_done() || peers_timer_.armed()) return;
  const auto quiet = EventLoop::Clock::now() - peers_applied_;
  peers_timer_.start(std::max(milliseconds(0), std::chrono::ceil<milliseconds>(kApplyGap - quiet)));
}

bool Agent::use_saved(const SavedState& saved) {
  if (state_.own) return false;
  try {
    const NetworkConfig config = state_.config ? *state_.config : parse_config(saved.network_config);
    if (const auto fault = find_fault(saved.own, config, nullptr))
      throw base::ParseError(fmt::format("the lease of this node: {}", *fault));
    state_.own = saved.own;
    state_.peers.reset(saved.peers);
    if (state_.config)
      attach();
    else
      use_config(saved.network_config);
    return true;
  } catch (const base::ParseError& error) {
    base::log_warning(fmt::format("use the saved leases: {}, ignoring", error.what()));
    state_.own.reset();
    return false;
  }
}

void Agent::status_changed() {
  tell_repairs();
  if (find_not_ready(readiness_, reconciler_.status(), rules_status())) return;
  if (readiness_.is_announced()) return;
  if (!readiness_.announce(state_.own ? state_.own->key.str() : "none")) return announce_timer_.start(kRetry);
  const size_t peers = state_.peers.plans().size();
  base::log_info(fmt::format("ready: {} {} reached", peers, peers == 1 ? "peer is" : "peers are"));
  if (state_.own) runtime_config_.start();
  confine_timer_.start(milliseconds(0));
  store_->serve();
}

}  // namespace flanneld
