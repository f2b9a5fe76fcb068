#include "flanneld/traffic/nftables_rules.h"

#include <linux/netlink.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/base/error.h"
#include "common/netfilter/nft_transaction.h"
#include "flanneld/traffic/forward_policy.h"
#include "flanneld/traffic/iptables_nft.h"
#include "flanneld/traffic/iptables_programs.h"

namespace flanneld {
namespace {

using base::Family;
using netfilter::NftTableInfo;
using netfilter::NftTransaction;
using namespace std::chrono_literals;

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

/// A chain of our table and the rules that it should have.
struct PlannedChain {
  const char* name;
  netfilter::NftHook hook;
  const char* comment;
  const std::vector<TrafficRule>* rules;
  const char* rule_comment;
};

/// Those that have rules. The first two are upstream's.
std::vector<PlannedChain> planned_chains(const TrafficPlan& plan) {
  using netfilter::NftHookPoint;
  std::vector<PlannedChain> chains{{"postrtg",
                                    {"nat", NftHookPoint::postrouting, kSourceNatPriority},
                                    "chain to manage traffic masquerading by flannel",
                                    &plan.nat,
                                    kMasqueradeComment},
                                   {"forward",
                                    {"filter", NftHookPoint::forward, kFilterPriority},
                                    "chain to accept flannel traffic",
                                    &plan.forward,
                                    kForwardComment},
                                   {"tunnel-input",
                                    {"filter", NftHookPoint::input, kFilterPriority},
                                    "chain to drop tunnel packets that pods forge",
                                    &plan.tunnel_input,
                                    kTunnelComment},
                                   {"tunnel-forward",
                                    {"filter", NftHookPoint::forward, kFilterPriority},
                                    "chain to drop tunnel packets that pods forge",
                                    &plan.tunnel_forward,
                                    kTunnelComment}};
  std::erase_if(chains, [](const PlannedChain& chain) { return chain.rules->empty(); });
  return chains;
}

NftTransaction make_table(const TrafficPlan& plan, bool fully_random) {
  const netfilter::NftTable table = flannel_table(plan.family);
  NftTransaction transaction(table);
  // Removed and made again in one: nothing survives of what somebody put in or changed, flags and chains'
  // policies included. The first line is for a table that is not there.
  transaction.ensure_table();
  transaction.delete_table();
  transaction.ensure_table("rules for " + table.name);
  for (const PlannedChain& chain : planned_chains(plan)) {
    transaction.ensure_base_chain(chain.name, chain.hook, chain.comment);
    for (const TrafficRule& rule : *chain.rules)
      transaction.add_rule(chain.name, make_nft_rule(rule, plan.family, fully_random), chain.rule_comment);
  }
  return transaction;
}

/// Whether what the kernel shows can be what was written just now: somebody may have been quicker.
bool is_as_planned(const NftTableInfo& table, const TrafficPlan& plan) {
  const auto chains = planned_chains(plan);
  return table.flags == 0 && table.chains.size() == chains.size() &&
         std::all_of(chains.begin(), chains.end(), [&](const PlannedChain& chain) {
           const auto found = table.rules.find(chain.name);
           return found != table.rules.end() && found->second.size() == chain.rules->size() &&
                  std::all_of(
                      found->second.begin(), found->second.end(),
                      [&](const netfilter::NftRuleInfo& rule) { return rule.comment == chain.rule_comment; });
         });
}

}  // namespace

netfilter::NftTable flannel_table(Family family) {
  if (family == Family::v4) return {netfilter::NftFamily::ip, "flannel-ipv4"};
  return {netfilter::NftFamily::ip6, "flannel-ipv6"};
}

bool remove_flannel_table(netlink::NetlinkSocket& socket, Family family) {
  const netfilter::NftTable table = flannel_table(family);
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

/// For legacy iptables, whose rules the kernel shows to no one else.
bool NftablesRules::needs_programs() const {
  return !iptables_leftovers_removed_ ||
         std::any_of(base::kFamilies.begin(), base::kFamilies.end(), has_legacy_tables);
}

void NftablesRules::open() {
  if (!socket_) socket_ = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  if (monitor_) return;
  monitor_.emplace();
  loop_.watch(monitor_->fd(), EPOLLIN, [this](uint32_t) { read_changes(); });
}

void NftablesRules::read_changes() {
  bool look = false, any = false;
  const bool complete = monitor_->drain([&](const netfilter::NftChange& change) {
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
    for (const Family family : base::kFamilies) written = reconcile_family(family) || written;
    if (written && cause == Cause::watched && !before.failure) {
      ++status_.restored;
      const auto now = EventLoop::Clock::now();
      if (now - restored_at_ > kFightWithin + settle_delay_) pace_.reset();
      restored_at_ = now;
      settle_delay_ = pace_.next();
    }
    status_.failure.reset();
    if (settle_others())
      retry_.reset();
    else
      check_.start(retry_.next());
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

/// What is not in our tables; false: status_ says what failed, which leaves these as they are.
bool NftablesRules::settle_others() {
  try {
    remove_iptables_leftovers();
    status_.blocked = open_forward_chains(*socket_, plans_);
    return true;
  } catch (const base::SystemError& error) {
    status_.failure = error.what();
    return false;
  }
}

bool NftablesRules::reconcile_family(Family family) {
  const TrafficPlan* plan = plan_of(plans_, family);
  if (!plan || plan->empty()) {
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
  const netfilter::NftTable table = flannel_table(plan.family);
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

/// The rules of iptables do what ours do: while both are there nothing is amiss. So they go after ours
/// are in place, and no packet meets none of them.
void NftablesRules::remove_iptables_leftovers() {
  if (iptables_leftovers_removed_) return;
  for (const Family family : base::kFamilies) {
    for (const IptablesPlace& place : {kNatPlace, kTunnelInputPlace, kTunnelForwardPlace})
      remove_iptables_nft_chain(*socket_, family, place);
    if (!has_legacy_tables(family) || !has_iptables(family, IptablesVariant::legacy)) continue;
    IptablesSaved saved = save_iptables(family, IptablesVariant::legacy);
    saved.erase("filter");  // open_forward_chains() sees to it
    const std::string changes = iptables_changes(saved, nullptr);
    if (!changes.empty() && !restore_iptables(family, IptablesVariant::legacy, changes))
      throw base::SystemError(EIO, std::string("remove flannel's rules from ") + iptables_name(family) +
                                       "-legacy, which refused and told stderr why");
  }
  iptables_leftovers_removed_ = true;
}

}  // namespace flanneld
