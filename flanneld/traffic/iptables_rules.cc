#include "flanneld/traffic/iptables_rules.h"

#include <fmt/format.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/error.h"
#include "flanneld/traffic/forward_policy.h"
#include "flanneld/traffic/nftables_rules.h"

namespace flanneld {
namespace {

using base::Family;

[[noreturn]] void throw_refused(Family family) {
  throw base::SystemError(EIO, std::string("write the rules: ") + iptables_name(family) +
                                   "-restore refused them and told stderr why");
}

/// What drops pods' packets in nf_tables; nothing on a kernel that has none.
std::vector<Obstacle> nft_obstacles(const std::vector<TrafficPlan>& plans) {
  try {
    auto socket = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
    return find_nft_obstacles(socket, plans);
  } catch (const base::SystemError&) {
    return {};
  }
}

}  // namespace

bool remove_iptables_rules(Family family, IptablesVariant variant) {
  const std::string changes = iptables_changes(save_iptables(family, variant), nullptr);
  if (changes.empty()) return false;
  if (!restore_iptables(family, variant, changes)) throw_refused(family);
  return true;
}

IptablesRules::IptablesRules(EventLoop& loop, std::chrono::seconds resync, std::function<void()> changed)
    : resync_(std::max(resync, std::chrono::seconds(1))),
      changed_(std::move(changed)),
      check_(loop, [this] { reconcile(true); }) {
  status_.engine = "iptables";
}

void IptablesRules::apply(const TrafficSpec& spec) {
  plans_ = plan_traffic(spec);
  leftovers_removed_ = false;
  reconcile(false);
}

void IptablesRules::reconcile(bool is_check) {
  const TrafficStatus before = status_;
  try {
    bool written = false;
    for (const TrafficPlan& plan : plans_) written = reconcile_family(plan) || written;
    if (written && is_check && !before.failure) ++status_.restored;
    status_.failure.reset();
    remove_leftovers();
  } catch (const base::SystemError& error) {
    status_.failure = error.what();
  }
  check_.start(resync_);
  if (before != status_ && changed_) changed_();
}

bool IptablesRules::reconcile_family(const TrafficPlan& wanted) {
  TrafficPlan plan = wanted;
  plan.fully_random = wanted.fully_random && !fully_random_refused_;
  const IptablesSaved saved = save_iptables(plan.family, IptablesVariant::usual);
  const std::string changes = iptables_changes(saved, &plan);
  if (!changes.empty() && !restore_iptables(plan.family, IptablesVariant::usual, changes)) {
    // iptables before 1.6.2 does not know --random-fully.
    if (!plan.fully_random || plan.nat.empty()) throw_refused(plan.family);
    plan.fully_random = false;
    if (!restore_iptables(plan.family, IptablesVariant::usual, iptables_changes(saved, &plan)))
      throw_refused(plan.family);
    fully_random_refused_ = true;
  }
  return !changes.empty();
}

/// After the rules are in place, so that no packet misses them: the tables of the other engine, and the
/// rules of a family that is not enabled any more.
void IptablesRules::remove_leftovers() {
  status_.blocked.reset();
  const bool forwards = std::any_of(plans_.begin(), plans_.end(),
                                    [](const TrafficPlan& plan) { return !plan.forward.empty(); });
  if (forwards)
    for (const Obstacle& obstacle : nft_obstacles(plans_))
      status_.blocked =
          status_.blocked ? fmt::format("{}; {}", *status_.blocked, obstacle.text()) : obstacle.text();
  if (leftovers_removed_) return;
  leftovers_removed_ = true;
  for (const Family family : base::kFamilies) {
    try {
      auto socket = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
      remove_flannel_table(socket, family);
      if (!plan_of(plans_, family) && has_iptables(family, IptablesVariant::usual))
        remove_iptables_rules(family, IptablesVariant::usual);
    } catch (const base::SystemError&) {
      // No nf_tables, or no IPv6 in this kernel: then there is nothing of it either.
    }
  }
}

}  // namespace flanneld
