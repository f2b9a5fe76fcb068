// Makes the kernel hold what the backend asks for: at start, on each change of a lease, and whenever somebody
// else changed it. It owns what is on the backend's devices, and routes within the cluster's networks that
// carry its protocol number; everything else is left alone. Knows no store and no JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/netlink/monitor.h"
#include "common/netlink/socket.h"
#include "flanneld/backend/plan.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/io/flap_log.h"
#include "flanneld/kernel/desired_state.h"
#include "flanneld/kernel/diff.h"
#include "flanneld/kernel/failures.h"
#include "flanneld/kernel/heal.h"
#include "flanneld/kernel/host_links.h"
#include "flanneld/kernel/links.h"
#include "flanneld/kernel/wireguard_access.h"

namespace flanneld {

/// Counters since the start, and the present state.
struct ReconcilerStatus {
  uint64_t writes = 0;                                 ///< netlink requests that change something
  uint64_t repairs = 0;                                ///< times that a foreign change was undone
  uint64_t passes = 0;                                 ///< full comparisons with the kernel
  size_t routes = 0, neighbours = 0, fdb_entries = 0;  ///< desired
  Failures failures;                                   ///< of the last pass, in what the node itself needs
  Failures peer_failures;                              ///< likewise in what single peers need
  std::optional<std::string> no_device;                ///< why a device carries no packets; nullopt: all do
  bool has_program = false;                            ///< serves one of the devices, in place of the kernel
  Failures drift;                                      ///< foreign changes that are left as they are

  /// The kernel is as desired.
  [[nodiscard]] bool is_well() const { return failures.empty() && peer_failures.empty(); }
};

class Reconciler {
 public:
  struct Events {
    std::function<void()> changed;       ///< something was done, or failed, without a call to this class
    std::function<void()> host_changed;  ///< a link, an address or a route that is not ours is different
    /// The kernel cannot make this WireGuard device: a program must. Called again and again until it is
    /// there.
    std::function<void(const std::string& link)> needs_program = {};
  };

  /// Watches the kernel of the caller's network namespace. With Heal::no foreign changes are reported and
  /// left; what leases change is done all the same. Throws SystemError.
  Reconciler(EventLoop& loop, Heal heal, Events events);
  Reconciler(const Reconciler&) = delete;
  Reconciler& operator=(const Reconciler&) = delete;
  ~Reconciler();

  // The following compare with the kernel and write the difference. Failures are kept in status(), do not
  // stop the other objects from being made, and are tried again with back-off.

  /// What the node itself needs, before its peers are known. What an earlier run made for peers stays.
  void reconcile(NodePlan node);
  /// What the node and all peers need.
  void reconcile(NodePlan node, const PeerPlans& peers);
  /// The same node with other peers: only what these changes ask for is sent, without a look.
  void apply(PlanChanges changes);

  [[nodiscard]] const ReconcilerStatus& status() const { return status_; }
  /// What the plan's WireGuard devices have now, by their names; those that cannot be read are left out.
  [[nodiscard]] std::map<std::string, netlink::WireguardState> read_tunnels() const;

 private:
  void pass();
  void compare_with_kernel();
  uint64_t ensure_devices();
  void watch_devices();
  void look_for_drift();
  void begin_look();
  void end_look();
  [[nodiscard]] KernelWrites find_difference();
  void send(const KernelWrites& writes);
  /// Once the peers have their routes: what earlier configurations had beside the plan's links.
  void remove_leftovers();
  void conclude();
  void log_failures();

  enum class Because { retry, foreign_change };
  void run_timed_pass(Because why);
  void take_notifications();
  /// True when something that is desired may be gone.
  bool drain();
  void host_changes();
  void wake();

  EventLoop& loop_;
  Heal heal_;
  Events events_;
  netlink::NetlinkSocket socket_;
  netlink::Monitor monitor_;
  mutable WireguardAccess wireguard_;
  uint32_t own_port_ = 0;  ///< of socket_; notifications with it are echoes

  NodePlan node_;
  DesiredState desired_;
  bool knows_peers_ = false;     ///< until then nothing in the kernel is stale
  std::set<std::string> risen_;  ///< devices that this pass has set up
  bool has_looked_ = false;      ///< at the objects that peers need
  LinkIndexes links_;            ///< as the last look found them
  HostLinks host_;
  ReconcilerStatus status_;
  std::set<std::string> logged_;  ///< failures that the log has
  FlapLog peer_log_;
  std::set<std::string> refused_;  ///< what the kernel did not take for peers: no foreign change took it away
  bool leftovers_are_gone_ = false;

  EventLoop::Clock::time_point last_look_;
  Backoff backoff_;
  Timer wake_timer_, slow_timer_, retry_timer_, host_timer_;
};

}  // namespace flanneld
