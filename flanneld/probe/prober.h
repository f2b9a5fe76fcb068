// Asks each peer in turn for an answer, slowly, by the way that pods' packets take, and keeps what that
// tells.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/lease/lease_table.h"
#include "flanneld/probe/sockets.h"
#include "flanneld/probe/target.h"
#include "flanneld/probe/trial.h"

namespace flanneld {

/// A way to a peer: a lease, and the family of the packets.
using ProbePath = std::pair<LeaseKey, base::Family>;

struct ProbeResult {
  ProbeTarget target;
  ProbeRecord record;
};
using ProbeResults = std::map<ProbePath, ProbeResult>;

/// Of all answers to small probes: how many took at most so long, in the order of kRoundTripBounds, and all.
struct RoundTrips {
  static constexpr std::array kBounds{100e-6, 250e-6, 500e-6, 1e-3,   2.5e-3, 5e-3, 10e-3,
                                      25e-3,  50e-3,  100e-3, 250e-3, 500e-3, 1.0};  ///< seconds
  std::array<uint64_t, kBounds.size()> within{};
  uint64_t count = 0;
  std::chrono::nanoseconds sum{};

  void add(std::chrono::nanoseconds round_trip);
};

/// Since the start.
struct ProbeCounters {
  uint64_t sent = 0, answered = 0;
  RoundTrips round_trips;
};

class Prober {
 public:
  using Clock = EventLoop::Clock;
  /// What came of a turn that changed a path's state.
  struct Change {
    ProbePath path;
    ProbeState before, now;
  };
  /// At most so many turns a second: that bounds the cost, and many peers are asked more seldom.
  static constexpr int kMostTurns = 16;

  /// Each path's turn comes after `interval` at the earliest; 0: never. `changed` is called when a state has
  /// changed.
  Prober(EventLoop& loop, std::chrono::seconds interval, std::function<void(const Change&)> changed);
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;
  ~Prober();

  /// From now on these are the peers: `mtu` is that of the pods' packets. What is known of a path that is as
  /// before stays. A path that is new has its turn soon.
  void use(const Lease& own, const LeaseMap& leases, const PeerPlans& plans, bool has_devices, uint32_t mtu);

  [[nodiscard]] ProbeResults results() const;
  /// The same without a copy.
  void visit(const std::function<void(const ProbePath&, const ProbeResult&)>& take) const;
  [[nodiscard]] const ProbeCounters& counters() const { return counters_; }
  /// The time until a path has its turn again; 0: never.
  [[nodiscard]] std::chrono::milliseconds turn_time() const;
  /// Why no peer is asked although it should be; nullopt: they are, or need not be.
  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }

 private:
  struct Path {
    std::shared_ptr<const PeerPlan> plan;  ///< that the target was made from
    ProbeResult result;
    std::unique_ptr<Trial> trial = nullptr;  ///< null: it is not its turn
  };
  struct Pending {
    ProbePath path;
    ProbeRequest request;
    Clock::time_point sent, deadline;
  };

  void open_sockets();
  /// The leases whose paths are not those of `plans`, perhaps twice.
  [[nodiscard]] std::vector<LeaseKey> find_changes(const PeerPlans& plans) const;
  void use_peer(const LeaseKey& key, const std::shared_ptr<const PeerPlan>& plan,
                const std::map<base::Family, ProbeTarget>& targets);
  void remove_pending(const ProbePath& path);
  [[nodiscard]] std::chrono::milliseconds tick_gap() const;
  void schedule();
  void tick();
  void begin_turn(const ProbePath& key, Path& path);
  void send(const ProbePath& key, Path& path, std::vector<ProbeRequest> requests);
  void take(const ProbeAnswer& answer);
  void give_up_late();
  void arm_deadline();
  void finish_if_over(const ProbePath& key, Path& path);

  EventLoop& loop_;
  std::chrono::seconds interval_;
  std::function<void(const Change&)> changed_;
  std::map<base::Family, ProbeSockets> sockets_;
  std::optional<std::string> problem_;
  std::map<ProbePath, Path> paths_;
  std::deque<ProbePath> fresh_;    ///< those that have had no turn
  std::optional<ProbePath> last_;  ///< that had a turn, in the order of paths_
  double credit_ = 0;              ///< turns that are due
  bool is_tick_near_ = false;      ///< for those that are fresh
  std::optional<LeaseKey> own_;
  uint32_t mtu_ = 0;
  bool has_devices_ = false;
  std::map<uint64_t, Pending> pending_;  ///< by cookie
  std::set<std::pair<Clock::time_point, uint64_t>> deadlines_;
  ProbeCounters counters_;
  Timer tick_, deadline_;
};

}  // namespace flanneld
