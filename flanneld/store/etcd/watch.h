// The watch of the leases in etcd: which changes have been seen, and how it goes on after an end. Knows
// revisions and messages, nothing of leases.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/store/etcd/calls.h"

namespace flanneld {

class EtcdWatch {
 public:
  struct Handlers {
    std::function<void(const std::vector<EtcdEvent>&)> changed;
    /// Changes were missed: list again after `delay`. Other nodes may have missed them too.
    std::function<void(std::chrono::milliseconds delay)> missed;
    /// The store is not the one that was listed.
    std::function<void()> turned_back;
    /// The connection ended. The watch goes on by itself, but the cluster may be away.
    std::function<void()> ended;
  };

  EtcdWatch(EventLoop& loop, EtcdCalls& etcd, std::string prefix, Handlers handlers);

  /// Begins to send all changes after `revision`, at which the entries were listed.
  void follow(int64_t revision);
  /// Keeps messages back until go_on() sends them or follow() drops them. While a list is read, a later
  /// change must not be sent before it.
  void hold();
  void go_on();
  /// Begins again through the member that answers calls now, if the watch goes through another or is gone.
  void refresh();
  /// Begins again at once, from what is known: the store answers after an outage, and a stream from before
  /// may be dead.
  void resume();

  /// All changes up to this revision are known; 0: nothing was listed yet.
  [[nodiscard]] int64_t revision() const { return revision_; }

 private:
  enum class Next { goes_on, is_over };

  void begin();
  void receive(const EtcdWatchResponse& response);
  Next take(const EtcdWatchResponse& response);

  EtcdCalls& etcd_;
  std::string prefix_;
  Handlers handlers_;
  Timer begin_timer_;
  Backoff backoff_;
  int64_t revision_ = 0;
  std::optional<std::vector<EtcdWatchResponse>> held_;  ///< nullopt: none is kept back
};

}  // namespace flanneld
