#include "flanneld/traffic/iptables_rules.h"

#include <linux/netlink.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/lease/clock.h"
#include "flanneld/traffic/flannel_table.h"
#include "flanneld/traffic/forward_policy.h"
#include "flanneld/traffic/input_policy.h"
#include "flanneld/traffic/iptables_programs.h"

namespace flanneld {

using base::Family;

IptablesRules::IptablesRules(EventLoop& loop, std::chrono::seconds resync, std::function<void()> changed)
    : resync_(std::max(resync, std::chrono::seconds(1))),
      changed_(std::move(changed)),
      queue_(loop),
      check_(loop, [this] { begin(Cause::checked); }) {
  status_.engine = "iptables";
}

void IptablesRules::apply(const TrafficSpec& spec, std::function<void()> applied) {
  applied_ = std::move(applied);
  plans_ = plan_traffic(spec);
  owner_ = spec.owner;
  leftovers_removed_ = false;
  begin(Cause::asked);
}

void IptablesRules::begin(Cause cause) {
  queue_.clear();
  check_.cancel();
  pass_ = {.cause = cause, .has_written = false, .failure = {}};
  const auto until = end_refused_ ? std::nullopt : std::optional(rules_end(system_now()));
  if (std::exchange(until_, until) != until) pass_.cause = Cause::asked;  // nobody has changed the rules
  for (TrafficPlan plan : plans_) {
    plan.until = until;
    plan.fully_random = plan.fully_random && !fully_random_refused_;
    queue_.update(
        plan.family, IptablesVariant::usual,
        [plan](const IptablesSaved& actual) { return iptables_changes(actual, plan); },
        [this, plan](const IptablesOutcome& outcome) { updated(plan, outcome); });
  }
  queue_.then([this] { remove_leftovers(); });
}

void IptablesRules::updated(const TrafficPlan& plan, const IptablesOutcome& outcome) {
  using Outcome = IptablesOutcome::Kind;
  if (outcome.kind == Outcome::unchanged) return;
  if (outcome.kind == Outcome::changed) {
    pass_.has_written = true;
    return;
  }
  // A kernel may lack the match for times.
  if (outcome.kind == Outcome::refused && plan.until && !plan.tunnel_input.empty()) {
    TrafficPlan endless = plan;
    endless.until.reset();
    queue_.update_next(
        endless.family, IptablesVariant::usual,
        [endless](const IptablesSaved& actual) { return iptables_changes(actual, endless); },
        [this, endless](const IptablesOutcome& second) {
          end_refused_ = second.kind == Outcome::changed;
          updated(endless, second);
        });
    return;
  }
  // iptables before 1.6.2 does not know --random-fully.
  if (outcome.kind == Outcome::refused && plan.fully_random && !plan.nat.empty()) {
    TrafficPlan plain = plan;
    plain.fully_random = false;
    queue_.update_next(
        plain.family, IptablesVariant::usual,
        [plain](const IptablesSaved& actual) { return iptables_changes(actual, plain); },
        [this, plain](const IptablesOutcome& second) {
          fully_random_refused_ = second.kind == Outcome::changed;
          updated(plain, second);
        });
    return;
  }
  if (!pass_.failure) pass_.failure = outcome.reason;
}

/// After the rules are in place, so that no packet misses them: the tables of the other engine, and the rules
/// of a family that is not enabled any more.
void IptablesRules::remove_leftovers() {
  if (leftovers_removed_ || pass_.failure) return finish();
  leftovers_removed_ = true;
  for (const Family family : base::kFamilies) {
    try {
      auto socket = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
      remove_flannel_tables(socket, family, owner_);
    } catch (const base::SystemError&) {
      // A kernel without nf_tables has no table either.
    }
    if (plan_of(plans_, family) || !has_iptables(family, IptablesVariant::usual)) continue;
    queue_.update(
        family, IptablesVariant::usual,
        [nothing = plan_or_nothing({}, owner_, family)](const IptablesSaved& actual) {
          return iptables_changes(actual, nothing);
        },
        [](const IptablesOutcome&) {});  // fails on a kernel without IPv6, which has no rules either
  }
  queue_.then([this] { finish(); });
}

void IptablesRules::finish() {
  const TrafficStatus before = status_;
  if (pass_.has_written && pass_.cause == Cause::checked && !before.failure) ++status_.restored;
  status_.failure = pass_.failure;
  if (!pass_.failure) status_.blocked = find_blocked();
  check_.start(resync_);
  if (before != status_ && changed_) changed_();
  if (const auto applied = std::exchange(applied_, nullptr)) applied();
}

std::optional<std::string> IptablesRules::find_blocked() const {
  try {
    auto socket = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
    std::vector<Obstacle> obstacles = find_nft_input_obstacles(socket, plans_);
    if (forwards(plans_))
      for (Obstacle& one : find_nft_obstacles(socket, plans_)) obstacles.push_back(std::move(one));
    return obstacle_text(obstacles);
  } catch (const base::SystemError&) {
    return std::nullopt;  // a kernel without nf_tables
  }
}

}  // namespace flanneld
