// The node agent: brings the node's lease, the kernel, the packet filter and subnet.env into one line, and
// keeps them there. Everything happens on the event loop, in callbacks of the store, the reconciler and
// timers; nothing here blocks on a server.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/netlink/socket.h"
#include "flanneld/agent/status.h"
#include "flanneld/backend/backend.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/io/http_server.h"
#include "flanneld/kernel/reconciler.h"
#include "flanneld/options/options.h"
#include "flanneld/peers/peer_set.h"
#include "flanneld/store/lease_store.h"
#include "flanneld/store/saved_leases.h"
#include "flanneld/traffic/traffic_rules.h"

namespace flanneld {

/// In this order: network configuration → external interface → device → lease → routes and neighbours →
/// packet filter → subnet.env → ready. Each step waits for what it needs, without an end, and says what
/// that is. Its destruction leaves the data path as it is.
class Agent final {
 public:
  Agent(EventLoop& loop, const Options& options);
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  ~Agent();

  /// Begins; returns at once. Throws SystemError when a status server cannot listen, base::ParseError
  /// when the configuration file's network configuration cannot be used.
  void start();

  [[nodiscard]] AgentStatus status() const;

 private:
  // What the store sends.
  void on(const ConfigRead& event);
  void on(const LeaseClaimed& event);
  void on(const LeaseRenewed& event);
  void on(const ClaimFailed& event);
  void on(const LeasesListed& event);
  void on(const LeasesChanged& event);
  void on(const EntrySkipped& event);
  void on(const StoreConnected& event);
  void on(const StoreUnreachable& event);

  void read_previous_subnet();
  void load_saved_state();
  void listen();
  /// Throws base::ParseError when it cannot be used.
  void use_config(const std::string& text);
  void use_saved_state();
  /// Chooses the interface and makes backend and device; asks the store for a lease.
  void configure();
  void host_changed();
  void routes_changed();
  [[nodiscard]] InterfaceChoice choose_interface();
  void make_backend_for(const ExternalInterface& external, std::vector<HostRoute> routes);
  void claim();
  /// Makes everything that the own lease needs; tried again when it fails.
  void attach();
  [[nodiscard]] NodePlan node_plan() const;
  void apply_rules();
  void write_subnet_env();
  void peers_changed(const PeerChange& change);
  void apply_peers();
  void log_peers(const PeerChange& change) const;
  void status_changed();
  /// Gives up what is of no more use.
  void confine();
  void save_soon();
  void save();
  void wait_because(const std::string& reason);
  void try_again_because(const base::SystemError& error, Timer& timer);
  /// ", expires …, next renewal …" for the log.
  [[nodiscard]] std::string describe_expiry(const Lease& own) const;
  [[nodiscard]] std::vector<std::string> problems() const;
  [[nodiscard]] std::optional<std::string> not_ready() const;
  [[nodiscard]] HttpAnswer answer(const std::string& path) const;
  [[nodiscard]] HttpAnswer answer_probe(const std::string& path) const;

  EventLoop& loop_;
  const Options& options_;
  netlink::NetlinkSocket netlink_;
  std::unique_ptr<LeaseStore> store_;
  Reconciler reconciler_;
  std::unique_ptr<TrafficRules> rules_;
  std::vector<std::unique_ptr<StatusServer>> servers_;
  Timer configure_timer_, attach_timer_, peers_timer_, saved_timer_, save_timer_, confine_timer_;

  std::optional<LeaseKey> previous_;  ///< what subnet.env held at start
  std::optional<SavedState> saved_;   ///< until the store or it has been used
  bool runs_from_saved_ = false;
  std::string config_text_;
  std::optional<NetworkConfig> config_;
  std::optional<std::string> config_problem_;  ///< the store's configuration differs, or cannot be used
  std::optional<ExternalInterface> external_;
  std::vector<HostRoute> host_routes_;  ///< through external_
  std::optional<std::string> interface_problem_;
  std::shared_ptr<const Backend> backend_;
  std::optional<Lease> own_;
  PeerSet peers_;
  EventLoop::Clock::time_point peers_applied_;
  std::string waiting_for_ = "the network configuration";  ///< empty: all is as it was last asked for
  bool attached_ = false;
  bool told_ready_ = false;
  std::optional<std::string> store_problem_, save_problem_;
  AgentCounters counters_;
};

}  // namespace flanneld
