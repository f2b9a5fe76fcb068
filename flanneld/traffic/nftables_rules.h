// The traffic rules in tables of our own in nf_tables. In steady state this starts no program: the kernel
// reports changes, and the actual rules are compared with those that were written. Knows no iptables syntax.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/unique_fd.h"
#include "common/netfilter/nft_monitor.h"
#include "common/netfilter/nft_query.h"
#include "flanneld/traffic/iptables_queue.h"
#include "flanneld/traffic/node_set.h"
#include "flanneld/traffic/traffic_plan.h"
#include "flanneld/traffic/traffic_rules.h"

namespace flanneld {

class NftablesRules : public TrafficRules {
 public:
  NftablesRules(EventLoop& loop, std::function<void()> changed);
  ~NftablesRules() override;
  NftablesRules(const NftablesRules&) = delete;
  NftablesRules& operator=(const NftablesRules&) = delete;

  void apply(const TrafficSpec& spec, std::function<void()> applied) override;
  void set_nodes(const std::vector<base::IpAddress>& nodes) override;
  void change_nodes(const NodeChange& nodes) override;
  [[nodiscard]] const TrafficStatus& status() const override { return status_; }
  [[nodiscard]] bool needs_programs() const override;

 private:
  enum class Cause { asked, watched };
  /// What is found out about other tables than ours, until finish().
  struct Pass {
    std::optional<std::string> failure;
    std::vector<std::string> legacy_notes;  ///< why the legacy variant may block pods
  };

  void open();
  void read_changes();
  /// Makes our tables as planned, then sees to the others.
  void reconcile(Cause cause);
  void count_restored();
  bool reconcile_family(base::Family family);
  [[nodiscard]] bool is_as_written(base::Family family);
  void update_nodes();
  void update_nodes(const TrafficPlan& plan);
  void write(const TrafficPlan& plan);
  bool try_write(const TrafficPlan& plan, const std::string& suffix, const std::string& doing);
  /// Lets the rules last longer; true if they have to be written for that.
  bool prolong();
  void watch_clock();
  void settle_others();
  void settle_legacy(base::Family family);
  void legacy_settled(base::Family family, const IptablesOutcome& outcome);
  void finish();
  void fail(const base::SystemError& error);
  [[nodiscard]] std::optional<std::string> find_blocked();
  /// Tells of a new status, and of the end of apply().
  void end_pass();

  EventLoop& loop_;
  std::function<void()> changed_, applied_;
  TrafficStatus status_, told_;
  std::vector<TrafficPlan> plans_;
  RuleOwner owner_;
  std::map<base::Family, std::string> suffixes_;             ///< of the tables that were written
  std::map<base::Family, netfilter::NftTableInfo> written_;  ///< as the kernel showed it afterwards
  NodeSet nodes_;
  bool fully_random_refused_ = false, end_refused_ = false;
  base::UniqueFd clock_;  ///< readable when somebody sets the system's clock
  bool iptables_leftovers_removed_ = false;
  std::optional<netlink::NetlinkSocket> socket_;
  std::optional<netfilter::NftMonitor> monitor_;
  Pass pass_;
  IptablesQueue queue_;
  Timer settle_, check_;
  bool checks_soon_ = false;  ///< check_ is set to less than its usual time
  std::chrono::milliseconds settle_delay_;
  EventLoop::Clock::time_point restored_at_;
  Backoff pace_, retry_;
};

}  // namespace flanneld
