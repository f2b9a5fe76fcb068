// This node's own Node object: publishes the lease in its annotations, keeps it there, and tells the
// scheduler that the node's network is there. Waits for whatever is missing, and says what that is.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "flanneld/io/event_loop.h"
#include "flanneld/lease/clock.h"
#include "flanneld/store/kube/client.h"
#include "flanneld/store/kube/node.h"
#include "flanneld/store/lease_store.h"

namespace flanneld {

class OwnNode {
 public:
  struct Handlers {
    /// The whole Node was read.
    std::function<void(const KubeNode&)> known;
    /// The Node publishes this lease, of now.
    std::function<void(const Lease&)> published;
    /// Nothing can be published until something happens that others must do.
    std::function<void(const std::string& reason)> waits;
    /// The server did not take a request, which is tried again; or it has taken one.
    std::function<void(const std::string& reason)> failed;
    std::function<void()> answered;
    /// Somebody changes again and again what this node publishes.
    std::function<void(const std::string& reason)> contested;
  };

  enum class Condition { kept, left_alone };

  OwnNode(EventLoop& loop, KubeClient& client, std::string name, std::string prefix, Condition condition,
          Handlers handlers);

  [[nodiscard]] const std::string& name() const { return name_; }
  /// The Node as a list or an event shows it: an event may be older than what is known. Or there is none.
  enum class Seen { in_list, in_event };
  void see(const KubeNode& node, Seen seen);
  void lose();
  /// Publishes this from now on.
  void publish(const Claim& claim);
  /// The node's network is there: the Node's condition says so from now on.
  void serve();

 private:
  void settle();
  [[nodiscard]] bool must_wait();
  void read();
  void take_read(const KubeAnswer& answer);
  /// The own subnets. Throws base::ParseError saying what is missing.
  [[nodiscard]] LeaseKey subnets() const;
  [[nodiscard]] Lease lease(const LeaseKey& subnets) const;
  void write_annotations(const std::string& patch);
  void write_condition();
  void take_patch(const KubeAnswer& answer);
  void finish_call();
  /// Tells of it, and goes on after a pause, which it returns.
  std::chrono::milliseconds fail(const KubeAnswer& answer);

  KubeClient& client_;
  std::string name_, prefix_;
  Condition condition_;
  Handlers handlers_;
  Timer settle_timer_, read_timer_;
  Backoff backoff_, contest_backoff_;
  std::optional<KubeNode> node_;  ///< as far as it is known
  std::optional<Claim> claim_;
  bool serves_ = false;
  bool is_written_ = false;  ///< this run has written to this Node, or found all as it should be
  Annotations wanted_;
  EventLoop::Clock::time_point read_at_, repaired_at_;
  std::optional<EventLoop::Clock::time_point> wait_until_;  ///< before it writes what was changed again
  KubeClient::CallPtr call_;
};

}  // namespace flanneld
