// Whether this agent is the only one of its kind on the node: two that keep the same subnet file, or the same
// pod network, would undo each other's work. The second waits for the first to end, and takes its place.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/io/name_lock.h"
#include "flanneld/options/options.h"

namespace flanneld {

class NodeJob {
 public:
  struct Events {
    /// This agent stands still, or has to change nothing yet, and why.
    std::function<void(const std::string& reason)> waits;
    std::function<void()> taken_over;  ///< the other agent has ended; this one goes on
    std::function<void()> changed;     ///< problem() says something else
  };
  NodeJob(EventLoop& loop, const Options& options, Events events)
      : loop_(loop), options_(options), events_(std::move(events)) {}

  /// Calls `go_on` once the subnet file is this agent's: before it returns, if no other agent has it.
  void take_subnet_file(std::function<void()> go_on);
  /// Likewise for pod networks, instead of those that were taken before. True if they are this agent's now;
  /// otherwise `go_on` follows when they are.
  bool take_networks(const std::vector<base::IpNet>& networks, std::function<void()> go_on);

  /// Another agent waits for this one to end; nullopt: none.
  [[nodiscard]] std::optional<std::string> problem() const;

 private:
  [[nodiscard]] std::unique_ptr<NameLock> make_lock(const std::string& what, std::function<void()> go_on);
  void take_next_network();

  EventLoop& loop_;
  const Options& options_;
  Events events_;
  bool has_waited_ = false;
  std::unique_ptr<NameLock> subnet_file_;
  std::vector<std::string> wanted_;
  std::vector<std::unique_ptr<NameLock>> networks_;
  std::function<void()> go_on_;
};

}  // namespace flanneld
