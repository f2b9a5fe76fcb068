// The traffic rules in tables of our own in nf_tables. In steady state no program is started: the kernel
// tells of changes, and what is there is compared with what was written. Knows no iptables syntax.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "common/netfilter/nft_monitor.h"
#include "common/netfilter/nft_query.h"
#include "flanneld/traffic/traffic_plan.h"
#include "flanneld/traffic/traffic_rules.h"

namespace flanneld {

/// "ip flannel-ipv4", "ip6 flannel-ipv6": upstream's names, so that either takes over from the other.
netfilter::NftTable flannel_table(base::Family family);

/// False if the table was not there.
bool remove_flannel_table(netlink::NetlinkSocket& socket, base::Family family);

class NftablesRules : public TrafficRules {
 public:
  NftablesRules(EventLoop& loop, std::function<void()> changed);
  ~NftablesRules() override;
  NftablesRules(const NftablesRules&) = delete;
  NftablesRules& operator=(const NftablesRules&) = delete;

  void apply(const TrafficSpec& spec) override;
  [[nodiscard]] const TrafficStatus& status() const override { return status_; }
  [[nodiscard]] bool needs_programs() const override;

 private:
  enum class Cause { asked, watched };
  void open();
  void read_changes();
  void reconcile(Cause cause);
  bool settle_others();
  bool reconcile_family(base::Family family);
  void write(const TrafficPlan& plan);
  void remove_iptables_leftovers();

  EventLoop& loop_;
  std::function<void()> changed_;
  TrafficStatus status_;
  std::vector<TrafficPlan> plans_;
  std::map<base::Family, netfilter::NftTableInfo> written_;  ///< as the kernel showed it afterwards
  bool fully_random_refused_ = false;
  bool iptables_leftovers_removed_ = false;
  std::optional<netlink::NetlinkSocket> socket_;
  std::optional<netfilter::NftMonitor> monitor_;
  Timer settle_, check_;
  bool checks_soon_ = false;  ///< check_ is set to less than its usual time
  std::chrono::milliseconds settle_delay_;
  EventLoop::Clock::time_point restored_at_;
  Backoff pace_, retry_;
};

}  // namespace flanneld
