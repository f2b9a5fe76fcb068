// The traffic rules in iptables, exactly as upstream has them. iptables does not report changes, so they are
// checked now and then: one process per family, two where a change is to be undone.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/traffic/iptables_queue.h"
#include "flanneld/traffic/traffic_plan.h"
#include "flanneld/traffic/traffic_rules.h"

namespace flanneld {

class IptablesRules : public TrafficRules {
 public:
  IptablesRules(EventLoop& loop, std::chrono::seconds resync, std::function<void()> changed);

  void apply(const TrafficSpec& spec, std::function<void()> applied) override;
  // iptables has no sets of its own.
  void set_nodes(const std::vector<base::IpAddress>& /*nodes*/) override {}
  void change_nodes(const NodeChange& /*nodes*/) override {}
  [[nodiscard]] const TrafficStatus& status() const override { return status_; }
  [[nodiscard]] bool needs_programs() const override { return true; }

 private:
  enum class Cause { asked, checked };
  /// One look at all families: begin(), updated() for each, remove_leftovers(), finish().
  struct Pass {
    Cause cause = Cause::asked;
    bool has_written = false;
    std::optional<std::string> failure;
  };

  void begin(Cause cause);
  void updated(const TrafficPlan& plan, const IptablesOutcome& outcome);
  void remove_leftovers();
  void finish();
  [[nodiscard]] std::optional<std::string> find_blocked() const;

  std::chrono::seconds resync_;
  std::function<void()> changed_, applied_;
  TrafficStatus status_;
  std::vector<TrafficPlan> plans_;
  RuleOwner owner_;
  bool fully_random_refused_ = false, end_refused_ = false;
  std::optional<std::chrono::sys_seconds> until_;  ///< TrafficPlan::until of the last pass
  bool leftovers_removed_ = false;
  Pass pass_;
  IptablesQueue queue_;
  Timer check_;
};

}  // namespace flanneld
