// The node agent: the order of the start. Everything happens on the event loop, in callbacks of the store,
// the reconciler and timers; nothing here blocks on a server.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/netlink/socket.h"
#include "flanneld/agent/backend_choice.h"
#include "flanneld/agent/carrier.h"
#include "flanneld/agent/event_ring.h"
#include "flanneld/agent/fight.h"
#include "flanneld/agent/health.h"
#include "flanneld/agent/node_job.h"
#include "flanneld/agent/node_state.h"
#include "flanneld/agent/node_watch.h"
#include "flanneld/agent/operator_command.h"
#include "flanneld/agent/peer_hooks.h"
#include "flanneld/agent/peer_probes.h"
#include "flanneld/agent/readiness.h"
#include "flanneld/agent/runtime_config.h"
#include "flanneld/agent/saved_leases.h"
#include "flanneld/agent/status.h"
#include "flanneld/agent/status_pages.h"
#include "flanneld/agent/store_events.h"
#include "flanneld/agent/subnet_file_watch.h"
#include "flanneld/agent/wireguard_setup.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/io/sleep_watch.h"
#include "flanneld/kernel/reconciler.h"
#include "flanneld/options/options.h"
#include "flanneld/store/lease_store.h"
#include "flanneld/traffic/traffic_rules.h"

namespace flanneld {

/// In this order: network configuration → external interface and device → lease → routes, neighbours and
/// packet filter → subnet.env → ready. Each step waits for what it needs, however long that takes, and says
/// what it waits for. The destructor leaves the data path as it is.
class Agent final {
 public:
  /// Gives up the right to start programs.
  using Confine = std::function<void()>;

  /// Works in the network namespace of the caller. `loop` and `options` must outlive the agent.
  Agent(EventLoop& loop, const Options& options, std::unique_ptr<LeaseStore> store, Confine confine,
        std::chrono::milliseconds store_grace = SavedLeases::kStoreGrace);
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  /// Begins, or waits for another agent that does the same work to end; returns at once. Throws SystemError
  /// when a status server cannot listen, base::ParseError when the configuration file's network configuration
  /// cannot be used.
  void start();

  /// Before its end: what was to be saved later is saved now.
  void end() { saved_.save_waiting(); }

  /// Reads again the files that may change while it runs: credentials, and the source of --cni-conf.
  void reload();

  [[nodiscard]] AgentStatus status() const;
  [[nodiscard]] Health health() const;

 private:
  // The steps of the start, in their order. Each one is tried again when it fails.
  void begin();  ///< once no other agent does this one's work
  [[nodiscard]] NetworkConfig parse_config(const std::string& text) const;  ///< throws base::ParseError
  void use_config(const std::string& text);                                 ///< likewise
  void configure();  ///< external interface, backend and device
  void claim();
  void attach();         ///< all that the own lease needs
  void finish_attach();  ///< subnet.env, when the packet filter's rules are written
  void carry();          ///< what is not the kernel's: a tunnel of the agent's own, programs for peers

  // What happens later.
  void host_changed();
  void apply_peers();
  void apply_peers_now();
  void status_changed();
  void rules_changed();
  void tell_repairs();
  void program_started();
  void confine();
  bool use_saved(const SavedState& saved);

  [[nodiscard]] std::string former_config() const;
  [[nodiscard]] bool is_saved_config() const;
  [[nodiscard]] std::vector<std::string> earlier_configs(const std::string& text);
  [[nodiscard]] HostLook look_at_host(int external);
  [[nodiscard]] PodBridge look_at_pod_bridge();
  void make_backend_for(const ExternalInterface& external, HostLook host);
  void end_handover();
  void apply_rules();
  void write_subnet_env();
  [[nodiscard]] std::optional<SavedState> state_to_save() const;
  [[nodiscard]] const TrafficStatus* rules_status() const { return rules_ ? &rules_->status() : nullptr; }
  /// The node has what its data path is made from: a lease, or with --no-subnet the peers'.
  [[nodiscard]] bool may_attach() const {
    return state_.backend && (state_.own || (options_.no_subnet && state_.counters.lists > 0));
  }
  void try_again(Phase phase, const std::string& reason, Timer& timer);

  EventRing events_;  // first, as it hears of all that the others do
  EventLoop& loop_;
  const Options& options_;
  netlink::NetlinkSocket netlink_;
  std::unique_ptr<LeaseStore> store_;
  Confine confine_;
  NodeState state_;
  Readiness readiness_;
  SavedLeases saved_;
  StoreEvents store_events_;
  BackendChoice backend_choice_;
  Reconciler reconciler_;
  std::unique_ptr<TrafficRules> rules_;
  Carrier carrier_{loop_, [this] { status_changed(); }};
  StartupCommand before_lease_{loop_, "PreStartupCommand", [this] { configure(); }};
  StartupCommand after_lease_{loop_, "PostStartupCommand", [this] { attach(); }};
  PeerHooks peer_hooks_{loop_, [this] { status_changed(); }};
  PeerProbes probes_{loop_, options_, state_, [this] { status_changed(); }};
  Fight fight_;
  NodeWatch node_watch_;
  SubnetFileWatch subnet_file_;
  RuntimeConfig runtime_config_;
  StatusPages pages_;
  NodeJob job_;
  WireguardSetup wireguard_;
  SleepWatch sleep_watch_;
  EventLoop::Clock::time_point peers_applied_;
  uint64_t repairs_told_ = 0;                ///< in events_
  std::optional<std::string> last_failure_;  ///< of a step that is tried again
  bool applies_rules_ = false;               ///< finish_attach() is called by attach(), not later
  Timer configure_timer_, attach_timer_, peers_timer_, confine_timer_, announce_timer_;
};

}  // namespace flanneld
