// Runs the operator's programs for peers that come, change and go: one after the other, so that many changes
// at once are not many programs at once. A program for a subnet that goes runs before those for new ones.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "flanneld/agent/operator_command.h"
#include "flanneld/backend/backend.h"
#include "flanneld/backend/plan.h"
#include "flanneld/io/event_loop.h"

namespace flanneld {

class PeerHooks {
 public:
  /// `changed` is called when problem() says something else.
  PeerHooks(EventLoop& loop, std::function<void()> changed);
  PeerHooks(const PeerHooks&) = delete;
  PeerHooks& operator=(const PeerHooks&) = delete;

  /// From now on these are the peers. What changes back before its program has run, runs none. A program that
  /// fails is not run again until its peer changes.
  void use(PeerCommands commands, const PeerPlans& peers);

  /// The programs that failed, for peers that are there, and the last one for a peer that went.
  [[nodiscard]] std::optional<std::string> problem() const;

 private:
  void run_next();
  void run(const LeaseKey& key, const PlannedNotice& notice, bool is_added);
  void finish(const LeaseKey& key, bool is_added, const std::optional<std::string>& failure);

  EventLoop& loop_;
  std::function<void()> changed_;
  PeerCommands commands_;
  std::map<LeaseKey, PlannedNotice> wanted_, told_;  ///< told_: those that programs were started for
  std::deque<LeaseKey> to_remove_, to_add_;
  std::map<LeaseKey, std::string> failures_;    ///< of adding
  std::optional<std::string> removal_failure_;  ///< of the last removal
  std::unique_ptr<CommandRun> run_;
};

}  // namespace flanneld
