#include "flanneld/nftables_rules.h"

#include <linux/netlink.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/base/error.h"
#include "flanneld/forward_policy.h"
#include "flanneld/iptables_nft.h"
#include "flanneld/iptables_programs.h"

namespace flanneld {
namespace {

using base::Family;
using netlink::NftTableInfo;
using netlink::NftTransaction;
using namespace std::chrono_literals;

constexpr std::array kFamilies{Family::v4, Family::v6};
constexpr const char* kNatChain = "postrtg";
constexpr const char* kForwardChain = "forward";
constexpr int32_t kSourceNatPriority = 100;  // NF_IP_PRI_NAT_SRC
constexpr int32_t kFilterPriority = 0;       // NF_IP_PRI_FILTER

/// How long changes are gathered before a comparison: a firewall's reload is thousands of them. It doubles
/// each time that somebody undoes ours within kFightWithin of the last time.
constexpr auto kSettleFirst = 20ms, kSettleMost = 10'000ms;
constexpr auto kFightWithin = 1000ms;
constexpr auto kRetryFirst = 1000ms, kRetryMost = 60'000ms;
/// For what nobody tells of: legacy iptables, and lost notifications.
constexpr auto kCheckEvery = 60'000ms;
/// Whoever is told that a firewall blocks pods mends it by rules that concern nobody otherwise.
constexpr auto kCheckWhileBlocked = 500ms;

NftTransaction make_table(const TrafficPlan& plan, bool fully_random) {
  const netlink::NftTable table = flannel_table(plan.family);
  NftTransaction transaction(table);
  // Removed and made again in one: nothing survives of what somebody put in or changed, flags and chains'
  // policies included. The first line is for a table that is not there.
  transaction.ensure_table();
  transaction.delete_table();
  transaction.ensure_table("rules for " + table.name);
  if (!plan.nat.empty())
    transaction.ensure_base_chain(kNatChain, {"nat", netlink::NftHookPoint::postrouting, kSourceNatPriority},
                                  "chain to manage traffic masquerading by flannel");
  if (!plan.forward.empty())
    transaction.ensure_base_chain(kForwardChain, {"filter", netlink::NftHookPoint::forward, kFilterPriority},
                                  "chain to accept flannel traffic");
  for (const TrafficRule& rule : plan.nat)
    transaction.add_rule(kNatChain, make_nft_rule(rule, plan.family, fully_random), kMasqueradeComment);
  for (const TrafficRule& rule : plan.forward)
    transaction.add_rule(kForwardChain, make_nft_rule(rule, plan.family, false), kForwardComment);
  return transaction;
}

/// Whether what the kernel shows can be what was written just now: somebody may have been quicker.
bool is_as_planned(const NftTableInfo& table, const TrafficPlan& plan) {
  const auto matches = [&](const char* chain, size_t rules, const char* comment) {
    const auto found = table.rules.find(chain);
    if (found == table.rules.end()) return rules == 0;
    return found->second.size() == rules &&
           std::all_of(found->second.begin(), found->second.end(),
                       [&](const netlink::NftRuleInfo& rule) { return rule.comment == comment; });
  };
  const size_t chains = (plan.nat.empty() ? 0U : 1U) + (plan.forward.empty() ? 0U : 1U);
  return table.flags == 0 && table.chains.size() == chains &&
         matches(kNatChain, plan.nat.size(), kMasqueradeComment) &&
         matches(kForwardChain, plan.forward.size(), kForwardComment);
}

}  // namespace

netlink::NftTable flannel_table(Family family) {
  if (family == Family::v4) return {netlink::NftFamily::ip, "flannel-ipv4"};
  return {netlink::NftFamily::ip6, "flannel-ipv6"};
}

bool remove_flannel_table(netlink::NetlinkSocket& socket, Family family) {
  const netlink::NftTable table = flannel_table(family);
  if (!find_nft_table(socket, table)) return false;
  NftTransaction transaction(table);
  transaction.delete_table();
  return transaction.commit(socket, "remove nftables table '" + table.str() + "'");
}

NftablesRules::NftablesRules(EventLoop& loop, std::function<void()> changed)
    : loop_(loop),
      changed_(std::move(changed)),
      settle_(loop, [this] { reconcile(Cause::watched); }),
      check_(loop, [this] { reconcile(Cause::watched); }),
      settle_delay_(kSettleFirst),
      pace_(kSettleFirst, kSettleMost),
      retry_(kRetryFirst, kRetryMost) {
  status_.engine = "nftables";
}

NftablesRules::~NftablesRules() {
  if (monitor_) loop_.unwatch(monitor_->fd());
}

void NftablesRules::open() {
  if (!socket_) socket_ = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  if (monitor_) return;
  monitor_.emplace();
  loop_.watch(monitor_->fd(), EPOLLIN, [this](uint32_t) { read_changes(); });
}

void NftablesRules::read_changes() {
  bool look = false, any = false;
  const bool complete = monitor_->drain([&](const netlink::NftChange& change) {
    any = true;
    look = look || change.is_base || change.table == "flannel-ipv4" || change.table == "flannel-ipv6" ||
           (change.table == "filter" && (change.chain == "FORWARD" || change.chain == kIptablesForwardChain));
  });
  if ((look || !complete) && !settle_.armed()) settle_.start(settle_delay_);
  if (any && status_.blocked && !std::exchange(checks_soon_, true)) check_.start(kCheckWhileBlocked);
}

void NftablesRules::apply(const TrafficSpec& spec) {
  auto plans = plan_traffic(spec);
  if (plans != plans_) written_.clear();  // whatever there is will be replaced
  plans_ = std::move(plans);
  reconcile(Cause::asked);
}

void NftablesRules::reconcile(Cause cause) {
  const TrafficStatus before = status_;
  check_.start(kCheckEvery);
  checks_soon_ = false;
  settle_.cancel();
  try {
    open();
    bool written = false;
    for (const Family family : kFamilies) written = reconcile_family(family) || written;
    if (written && cause == Cause::watched && !before.failure) {
      ++status_.restored;
      const auto now = EventLoop::Clock::now();
      if (now - restored_at_ > kFightWithin + settle_delay_) pace_.reset();
      restored_at_ = now;
      settle_delay_ = pace_.next();
    }
    status_.failure.reset();
    retry_.reset();
    settle_others();
  } catch (const base::SystemError& error) {
    status_.failure = error.what();
    const int number = error.error_number();
    if (number == EOPNOTSUPP || number == EPROTONOSUPPORT || number == ENOENT)
      *status_.failure += "; does this kernel have nf_tables? Without it set EnableNFTables to false";
    written_.clear();
    check_.start(retry_.next());
  }
  if (before != status_ && changed_) changed_();
}

/// What is not in our tables. A failure here leaves these as they are, and is tried again at the next check.
void NftablesRules::settle_others() {
  try {
    remove_iptables_nat();
    status_.blocked = open_forward_chains(*socket_, plans_);
  } catch (const base::SystemError& error) {
    status_.failure = error.what();
  }
}

bool NftablesRules::reconcile_family(Family family) {
  const TrafficPlan* plan = plan_of(plans_, family);
  if (!plan || (plan->nat.empty() && plan->forward.empty())) {
    written_.erase(family);
    return remove_flannel_table(*socket_, family);
  }
  const auto known = written_.find(family);
  if (known != written_.end() && find_nft_table(*socket_, flannel_table(family)) == known->second)
    return false;
  write(*plan);
  return true;
}

void NftablesRules::write(const TrafficPlan& plan) {
  const netlink::NftTable table = flannel_table(plan.family);
  const std::string doing = "write nftables table '" + table.str() + "'";
  const auto commit = [&](bool fully_random) {
    if (!make_table(plan, fully_random).commit(*socket_, doing)) throw base::SystemError(ENOENT, doing);
  };
  const bool random = plan.fully_random && !fully_random_refused_;
  try {
    commit(random);
  } catch (const base::KernelError& error) {
    const bool may_be_old = error.error_number() == EINVAL || error.error_number() == EOPNOTSUPP;
    if (!random || plan.nat.empty() || !may_be_old) throw;
    commit(false);
    fully_random_refused_ = true;
  }
  auto now = find_nft_table(*socket_, table);
  if (!now || !is_as_planned(*now, plan))
    throw base::SystemError(EAGAIN, doing + ": somebody changes it at the same time");
  written_[plan.family] = std::move(*now);
}

/// Upstream's iptables rules masquerade as ours do: while both are there nothing is amiss. So they go
/// after ours are in place, and no connection sees none of them.
void NftablesRules::remove_iptables_nat() {
  if (iptables_nat_removed_) return;
  for (const Family family : kFamilies) {
    remove_iptables_nft_chain(*socket_, family, "nat", "POSTROUTING", kIptablesNatChain);
    if (!has_legacy_table(family, "nat") || !has_iptables(family, IptablesVariant::legacy)) continue;
    IptablesSaved saved = save_iptables(family, IptablesVariant::legacy);
    saved.erase("filter");  // open_forward_chains() sees to it
    const std::string changes = iptables_changes(saved, nullptr);
    if (!changes.empty() && !restore_iptables(family, IptablesVariant::legacy, changes))
      throw base::SystemError(EIO, std::string("remove flannel's rules from ") + iptables_name(family) +
                                       "-legacy, which refused and told stderr why");
  }
  iptables_nat_removed_ = true;
}

}  // namespace flanneld
