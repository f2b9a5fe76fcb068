// Lists the Nodes and follows their changes: what a list is followed by, and what happens when a watch ends,
// a history is lost or the server is away. Knows nothing of leases.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "flanneld/io/document_splitter.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/store/kube/client.h"
#include "flanneld/store/kube/list_splitter.h"
#include "flanneld/store/kube/node.h"

namespace flanneld {

class NodeFollower {
 public:
  struct Handlers {
    /// A list begins; the Nodes that are listed; all have been listed. A list that breaks off begins again.
    std::function<void()> list_begins;
    std::function<void(const KubeNode&)> listed;
    std::function<void()> list_ends;
    /// A Node was made, has changed or was deleted, in the order in which that happened.
    std::function<void(const KubeEvent&)> changed;
    /// The server does not serve; tried again after a while.
    std::function<void(const std::string& reason)> failed;
    /// The server serves.
    std::function<void()> answered;
  };

  /// `prefix`: what the names of the annotations begin with.
  NodeFollower(EventLoop& loop, KubeClient& client, std::string prefix, Handlers handlers);

  /// Begins with a list.
  void start() { next_soon(Step::list, std::chrono::milliseconds(0)); }
  /// Lists all Nodes anew, unless that is being done.
  void list_again() {
    if (step_ != Step::list) next_soon(Step::list, std::chrono::milliseconds(0));
  }

 private:
  enum class Step {
    list,   ///< all Nodes
    probe,  ///< how far the server's history goes: it may be another one now
    watch,  ///< the changes since the last list or event
  };
  /// Of what age a list may be.
  enum class Age { any, not_older, now };

  void next_soon(Step step, std::chrono::milliseconds delay);
  void next();
  /// Ends what is under way, says why, and goes on with `step` after a pause.
  void fail(Step step, const std::string& reason);
  /// The same for a server that is there, and is left in peace for longer.
  void refuse(Step step, const std::string& reason, std::chrono::seconds retry_after = {});
  [[nodiscard]] bool is_long_away() const;
  void serves();
  void fail_after(std::chrono::milliseconds pause, Step step, const std::string& reason);

  void list(const std::string& continued);
  void take_list_bytes(std::string_view bytes);
  void list_answered(const KubeAnswer& answer);
  void end_page();

  [[nodiscard]] KubeClient::CallPtr begin_probe(KubeClient::Done done);
  void probe();
  void take_probe(const KubeAnswer& answer);

  void watch();
  void heard();
  void take_look(const KubeAnswer& answer);
  void take_watch_bytes(std::string_view bytes);
  void take_event(const KubeEvent& event);
  void watch_ended(const KubeAnswer& answer);
  void history_lost();
  void silent();

  KubeClient& client_;
  std::string prefix_;
  Handlers handlers_;
  Timer next_timer_, silence_timer_;
  Backoff backoff_, late_backoff_, refusal_backoff_;
  std::optional<EventLoop::Clock::time_point> outage_began_;
  Step step_ = Step::list;
  Age age_ = Age::any;
  std::string version_;  ///< up to which all changes are known; empty: none
  ListSplitter list_;
  DocumentSplitter events_;
  KubeClient::CallPtr call_;
  KubeClient::CallPtr look_;       ///< beside a watch that says nothing
  int64_t nodes_ = 0;              ///< in the last list
  bool metadata_suffices_ = true;  ///< the server sends Nodes without their spec and status
  bool has_problem_ = false;       ///< one was told of, and the server has not served since
  bool has_event_ = false;         ///< the watch has brought something
  bool is_fresh_ = false;          ///< nothing has come since the last list
  EventLoop::Clock::time_point watch_begun_, heard_;
};

}  // namespace flanneld
