// What the agent does about each event of the store: brings the node's state up to date, logs, and says what
// the agent has to do next.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "flanneld/agent/node_state.h"
#include "flanneld/agent/readiness.h"
#include "flanneld/agent/saved_leases.h"
#include "flanneld/io/flap_log.h"
#include "flanneld/options/options.h"
#include "flanneld/store/lease_store.h"

namespace flanneld {

class StoreEvents {
 public:
  /// The agent's steps that an event may call for.
  struct Next {
    /// The configuration's text is to be used. Throws base::ParseError when it cannot be.
    std::function<void(const std::string& text)> use_config;
    std::function<void()> node_changed;    ///< what the store knows of the node is something else
    std::function<void()> attach;          ///< the own lease is another one
    std::function<void()> apply_peers;     ///< peers have changed, or their leases
    std::function<void()> status_changed;  ///< nothing more than that
  };
  /// All but `next` must outlive this.
  StoreEvents(const Options& options, const LeaseStore& store, NodeState& state, Readiness& readiness,
              SavedLeases& saved, Next next)
      : options_(options),
        store_(store),
        state_(state),
        readiness_(readiness),
        saved_(saved),
        next_(std::move(next)) {}

  void take(const StoreEvent& event);

 private:
  void on(const NodeRead& event);
  void on(const ConfigRead& event);
  void on(const LeaseClaimed& event);
  void on(const LeaseRenewed& event);
  void on(const ClaimFailed& event);
  void on(const LeaseContested& event);
  void on(const LeasesListed& event);
  void on(const LeasesChanged& event);
  void on(const EntrySkipped& event);
  void on(const StoreConnected& event);
  void on(const StoreUnreachable& event);
  void peers_changed(const PeerChange& change);
  /// ", expires …, next renewal …" for the log.
  [[nodiscard]] std::string describe_expiry(const Lease& own) const;

  const Options& options_;
  const LeaseStore& store_;
  NodeState& state_;
  Readiness& readiness_;
  SavedLeases& saved_;
  Next next_;
  FlapLog log_;
};

}  // namespace flanneld
