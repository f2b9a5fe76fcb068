// The traffic rules in iptables, exactly as upstream has them. iptables tells nobody of changes, so they are
// checked now and then: one process per family, two when there is something to mend.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "flanneld/traffic/iptables_programs.h"
#include "flanneld/traffic/traffic_plan.h"
#include "flanneld/traffic/traffic_rules.h"

namespace flanneld {

/// Removes flannel's chains and the jumps to them; false if there was nothing to remove.
/// Throws base::SystemError.
bool remove_iptables_rules(base::Family family, IptablesVariant variant);

class IptablesRules : public TrafficRules {
 public:
  IptablesRules(EventLoop& loop, std::chrono::seconds resync, std::function<void()> changed);

  void apply(const TrafficSpec& spec) override;
  [[nodiscard]] const TrafficStatus& status() const override { return status_; }
  [[nodiscard]] bool needs_programs() const override { return true; }

 private:
  void reconcile(bool is_check);
  bool reconcile_family(const TrafficPlan& wanted);
  void remove_leftovers();

  std::chrono::seconds resync_;
  std::function<void()> changed_;
  TrafficStatus status_;
  std::vector<TrafficPlan> plans_;
  bool fully_random_refused_ = false;
  bool leftovers_removed_ = false;
  Timer check_;
};

}  // namespace flanneld
