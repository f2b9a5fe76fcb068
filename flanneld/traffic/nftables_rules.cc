#include "flanneld/traffic/nftables_rules.h"

#include <linux/netlink.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/lease/clock.h"
#include "flanneld/traffic/flannel_table.h"
#include "flanneld/traffic/iptables_programs.h"

namespace flanneld {
namespace {

using base::Family;
using namespace std::chrono_literals;

/// How long changes are gathered before a comparison: a firewall's reload makes thousands. It doubles each
/// time that another program undoes our rules within kFightWithin of the last time.
constexpr auto kSettleFirst = 20ms, kSettleMost = 10'000ms;
constexpr auto kFightWithin = 1000ms;
constexpr auto kRetryFirst = 1000ms, kRetryMost = 60'000ms;
/// For what is not notified: legacy iptables, and lost notifications.
constexpr auto kCheckEvery = 60'000ms;
/// An operator who reads that a firewall blocks pods may accept them anywhere in its table.
constexpr auto kCheckWhileBlocked = 500ms;

}  // namespace

NftablesRules::NftablesRules(EventLoop& loop, std::function<void()> changed)
    : loop_(loop),
      changed_(std::move(changed)),
      queue_(loop),
      settle_(loop, [this] { reconcile(Cause::watched); }),
      check_(loop, [this] { reconcile(Cause::watched); }),
      settle_delay_(kSettleFirst),
      pace_(kSettleFirst, kSettleMost),
      retry_(kRetryFirst, kRetryMost) {
  status_.engine = "nftables";
  told_ = status_;
}

NftablesRules::~NftablesRules() {
  if (monitor_) loop_.unwatch(monitor_->fd());
  if (clock_.valid()) loop_.unwatch(clock_.get());
}

/// For legacy iptables, whose rules the kernel shows to its own programs only.
bool NftablesRules::needs_programs() const {
  return !iptables_leftovers_removed_ ||
         std::any_of(base::kFamilies.begin(), base::kFamilies.end(), has_legacy_tables);
}

void NftablesRules::open() {
  if (!socket_) socket_ = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  if (monitor_) return;
  monitor_.emplace();
  loop_.watch(monitor_->fd(), EPOLLIN, [this](uint32_t) { read_changes(); });
  watch_clock();
}

void NftablesRules::read_changes() {
  bool look = false, any = false;
  const bool complete = monitor_->drain([&](const netfilter::NftChange& change) {
    const bool is_own = is_flannel_table(change.table);
    if (is_own && change.is_set && change.by_port == socket_->port_id()) return;
    any = true;
    look = look || change.is_base || is_own ||
           (change.table == "filter" && (change.chain == "FORWARD" || change.chain == "INPUT" ||
                                         change.chain.starts_with(kIptablesForwardChain)));
  });
  if ((look || !complete) && !settle_.armed()) settle_.start(settle_delay_);
  if (any && status_.blocked && !std::exchange(checks_soon_, true)) check_.start(kCheckWhileBlocked);
}

void NftablesRules::apply(const TrafficSpec& spec, std::function<void()> applied) {
  applied_ = std::move(applied);
  auto plans = plan_traffic(spec);
  for (TrafficPlan& plan : plans)
    if (!end_refused_) plan.until = rules_end(system_now());
  if (plans != plans_) written_.clear();  // the actual rules will be replaced
  plans_ = std::move(plans);
  owner_ = spec.owner;
  reconcile(Cause::asked);
}

void NftablesRules::reconcile(Cause cause) {
  queue_.clear();
  pass_ = {};
  check_.start(kCheckEvery);
  checks_soon_ = false;
  settle_.cancel();
  try {
    open();
    const bool is_prolonged = prolong();
    bool written = false;
    for (const Family family : base::kFamilies) written = reconcile_family(family) || written;
    if (written && cause == Cause::watched && !is_prolonged && !status_.failure) count_restored();
    settle_others();
  } catch (const base::SystemError& error) {
    fail(error);
  }
}

void NftablesRules::count_restored() {
  ++status_.restored;
  const auto now = EventLoop::Clock::now();
  if (now - restored_at_ > kFightWithin + settle_delay_) pace_.reset();
  restored_at_ = now;
  settle_delay_ = pace_.next();
}

void NftablesRules::fail(const base::SystemError& error) {
  const int number = error.error_number();
  const bool may_lack_nft = number == EOPNOTSUPP || number == EPROTONOSUPPORT || number == ENOENT;
  status_.failure = fmt::format(
      "{}{}", error.what(),
      may_lack_nft ? "; does this kernel have nf_tables? Without it set EnableNFTables to false" : "");
  written_.clear();
  check_.start(retry_.next());
  end_pass();
}

void NftablesRules::end_pass() {
  if (std::exchange(told_, status_) != status_ && changed_) changed_();
  if (const auto applied = std::exchange(applied_, nullptr)) applied();
}

bool NftablesRules::reconcile_family(Family family) {
  const TrafficPlan* plan = plan_of(plans_, family);
  if (!plan || plan->empty()) {
    written_.erase(family);
    return remove_flannel_tables(*socket_, family, owner_);
  }
  if (is_as_written(family)) return false;
  write(*plan);
  return true;
}

bool NftablesRules::is_as_written(Family family) {
  const auto known = written_.find(family);
  if (known == written_.end()) return false;
  const auto table = flannel_table(family, suffixes_[family]);
  return find_nft_table(*socket_, table) == known->second &&
         (plan_of(plans_, family)->tunnels.empty() || nodes_.is_intact(*socket_, family, table));
}

void NftablesRules::set_nodes(const std::vector<base::IpAddress>& nodes) {
  nodes_.want(nodes);
  update_nodes();
}

void NftablesRules::change_nodes(const NodeChange& nodes) {
  nodes_.change(nodes);
  update_nodes();
}

void NftablesRules::update_nodes() {
  for (const TrafficPlan& plan : plans_)
    if (!plan.tunnels.empty() && written_.contains(plan.family) && nodes_.has_changed(plan.family))
      update_nodes(plan);
}

void NftablesRules::update_nodes(const TrafficPlan& plan) {
  try {
    if (nodes_.update(*socket_, plan.family, flannel_table(plan.family, suffixes_[plan.family]))) return;
  } catch (const base::SystemError&) {
    // The look that follows will fail for the same reason, and tell it.
  }
  written_.erase(plan.family);
  settle_.start(settle_delay_);
}

bool NftablesRules::prolong() {
  if (end_refused_) return false;
  const auto until = rules_end(system_now());
  bool is_later = false;
  for (TrafficPlan& plan : plans_) is_later = std::exchange(plan.until, until) != until || is_later;
  if (is_later) written_.clear();
  return is_later;
}

/// With a clock that is set forward, as on a node without one of its own, the rules would be over.
void NftablesRules::watch_clock() {
  clock_ = base::UniqueFd(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!clock_.valid()) return;  // then the next check sees to it
  const itimerspec never{.it_interval = {}, .it_value = {.tv_sec = INT32_MAX, .tv_nsec = 0}};
  ::timerfd_settime(clock_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr);
  loop_.watch(clock_.get(), EPOLLIN, [this](uint32_t) {
    uint64_t times = 0;
    if (::read(clock_.get(), &times, sizeof times) < 0 && errno == EAGAIN) return;
    reconcile(Cause::asked);
  });
}

/// False: the kernel knows less than was asked for; try again with that.
bool NftablesRules::try_write(const TrafficPlan& plan, const std::string& suffix, const std::string& doing) {
  TrafficPlan asked = plan;
  if (end_refused_) asked.until.reset();
  const bool random = plan.fully_random && !fully_random_refused_;
  try {
    if (!make_flannel_table(asked, suffix, random, nodes_).commit(*socket_, doing))
      throw base::SystemError(ENOENT, doing);
    nodes_.note_written(plan.family);
    return true;
  } catch (const base::KernelError& error) {
    const bool may_be_old = error.error_number() == EINVAL || error.error_number() == EOPNOTSUPP ||
                            error.error_number() == ENOENT;
    if (!may_be_old) throw;
    if (asked.until)
      end_refused_ = true;
    else if (random && !plan.nat.empty())
      fully_random_refused_ = true;
    else
      throw;
    return false;
  }
}

void NftablesRules::write(const TrafficPlan& plan) {
  // Looked at each time: two agents that start at once both find upstream's name free.
  const std::string suffix = suffixes_[plan.family] = choose_suffix(*socket_, plan.family, owner_);
  const netfilter::NftTable table = flannel_table(plan.family, suffix);
  const std::string doing = fmt::format("write nftables table {}", base::quoted(table.str()));
  while (!try_write(plan, suffix, doing)) {
  }
  auto now = find_nft_table(*socket_, table);
  if (!now || !is_as_planned(*now, plan))
    throw base::SystemError(EAGAIN, fmt::format("{}: another program changes it at the same time", doing));
  written_[plan.family] = std::move(*now);
  if (suffix.empty() && !owner_.suffix.empty()) remove_flannel_table(*socket_, plan.family, owner_.suffix);
}

}  // namespace flanneld
