// The probes of peers as a part of the agent: whom to ask, what to log, and what to do about those that are
// not reached.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/agent/health.h"
#include "flanneld/agent/node_state.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/io/flap_log.h"
#include "flanneld/options/options.h"
#include "flanneld/probe/prober.h"

namespace flanneld {

/// What the advice about a peer that is not reached is made from.
struct ProbeAdvice {
  std::string backend;      ///< its type
  uint16_t port = 0;        ///< UDP, of the tunnel; 0: it has none
  std::string uplink;       ///< the external interface
  uint32_t uplink_mtu = 0;  ///< bytes
  uint32_t pod_mtu = 0;     ///< likewise, of the pods' interfaces
};

ProbeAdvice make_probe_advice(const NodeState& state);

/// What to do about paths in `state`, of which the record is the first one's. Empty for those that are well.
std::string advise(const ProbeAdvice& advice, const ProbeRecord& record, ProbeState state);

/// Adds a line for each kind of trouble, with how many have it, the first, and what to do.
void add_probe_problems(const Prober& prober, const ProbeAdvice& advice, Problems& problems);

class PeerProbes {
 public:
  /// `state` must outlive it. `changed` is called when there are other problems.
  PeerProbes(EventLoop& loop, const Options& options, const NodeState& state, std::function<void()> changed);

  /// The node has changed.
  void use();
  /// Its peers have: within a second, as each look walks over all of them.
  void use_soon();

  [[nodiscard]] const Prober& prober() const { return prober_; }
  void add_problems(Problems& problems) const;

 private:
  void note(const Prober::Change& change);
  void log_changes();

  const NodeState& state_;
  std::function<void()> changed_;
  Prober prober_;
  ProbeAdvice advice_;
  std::map<ProbePath, ProbeState> logged_;  ///< what the log says; those that it does not name are well
  FlapLog log_;
  Timer use_timer_, log_timer_;
};

}  // namespace flanneld
