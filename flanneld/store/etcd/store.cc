#include "flanneld/store/etcd/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "flanneld/store/contest.h"
#include "flanneld/store/spread.h"

namespace flanneld {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr milliseconds kFirstDelay(100), kMostDelay(5000);
constexpr milliseconds kFirstRace(10), kMostRace(400);
constexpr seconds kRenewRetry(10);
constexpr int kMaxLostRaces = 20;
constexpr seconds kAfterRefusal(10);
constexpr seconds kMostSpread(20);
/// Other nodes, Go flanneld among them, have claimed again by then.
constexpr seconds kAfterWipe(60);

}  // namespace

// cppcheck-suppress passedByValue; a part of it is moved out
EtcdStore::EtcdStore(EventLoop& loop, std::unique_ptr<EtcdCalls> etcd, EtcdStoreOptions options)
    : now_(std::move(options.now)),
      renew_margin_(options.renew_margin),
      sync_timer_(loop, [this] { retry(); }),
      probe_timer_(loop, [this] { probe(); }),
      renew_timer_(loop, [this] { renew(); }),
      verify_timer_(loop, [this] { verify(); }),
      relist_timer_(loop, [this] { sync(); }),
      wipe_timer_(loop, [this] { sync(); }),
      sync_backoff_(kFirstDelay, kMostDelay),
      race_backoff_(kFirstRace, kMostRace),
      contest_backoff_(kFirstContest, kMostContest),
      entries_(clean_etcd_prefix(options.prefix), now_,
               [this](const EntrySkipped& event) { listener_(event); }),
      etcd_(std::move(etcd)),
      watch_(loop, *etcd_, entries_.subnets(),
             {.changed = [this](const std::vector<EtcdEvent>& events) { changed(events); },
              .missed =
                  [this](milliseconds delay) { sync_soon(delay + random_part(urgent_list_spread(count_))); },
              .turned_back = [this] { sync_soon(seconds(0)); },
              .ended = [this] {  // whether the cluster is away is for the probe to find out
                if (probe_timer_.armed()) probe_timer_.start(seconds(0));
              }}) {}

std::string EtcdStore::describe() const {
  return fmt::format("etcd at {}, prefix {}", etcd_->describe(), entries_.prefix());
}

void EtcdStore::start(StoreListener listener) {
  listener_ = std::move(listener);
  sync_soon(seconds(0));
}

void EtcdStore::claim(const Claim& claim) {
  known_.claim = claim;
  sync_soon(seconds(0));
}

void EtcdStore::sync_soon(milliseconds delay) {
  must_pass_ = true;
  sync_timer_.start(delay);
}

void EtcdStore::retry() {
  if (must_pass_)
    sync();
  else
    probe();
}

void EtcdStore::fail(Problem problem, seconds took) {
  const bool begins = !problem_ || problem_->kind != problem.kind;
  const bool is_new = begins || problem_->reason != problem.reason;
  problem_ = std::move(problem);
  if (is_new)
    listener_(StoreUnreachable{
        fmt::format("{}{}", problem_->kind == Problem::Kind::no_answer ? "etcd does not serve: " : "",
                    problem_->reason),
        begins ? StoreUnreachable::Outage::begins : StoreUnreachable::Outage::goes_on});
  const milliseconds spread = random_part(std::clamp(took, seconds(0), kMostSpread));
  if (phase_ == Phase::idle) sync_timer_.start(std::max(sync_backoff_.next(), spread));
}

void EtcdStore::answered() {
  sync_backoff_.reset();
  if (std::exchange(problem_, std::nullopt)) listener_(StoreConnected{});
}

// --- a pass, and what comes of it -------------------------------------------------------------------------

void EtcdStore::sync() {
  sync_timer_.cancel();
  if (phase_ != Phase::idle) {
    phase_ = Phase::passing_stale;
    return;
  }
  phase_ = Phase::passing;
  pass_began_ = now_();
  must_pass_ = true;
  relist_timer_.cancel();
  watch_.hold();
  known_.revision = std::max(watch_.revision(), revision_);
  pass_ = std::make_unique<EtcdPass>(*etcd_, entries_, now_, known_,
                                     [this](const EtcdPass::Outcome& outcome) { pass_ended(outcome); });
  pass_->begin();
}

void EtcdStore::pass_ended(const EtcdPass::Outcome& outcome) {
  const std::unique_ptr<EtcdPass> pass = std::move(pass_);  // lives until the end of this call
  const bool is_stale = std::exchange(phase_, Phase::idle) == Phase::passing_stale;
  std::visit([this](const auto& one) { act_on(one); }, outcome);
  watch_.go_on();
  if (!held_.empty() && !is_verifying_ && !verify_timer_.armed()) verify_timer_.start(kEtcdDoubtPause);
  if (is_stale && !problem_) sync_soon(seconds(0));
}

/// A server that has not answered in time has many to answer, who would all ask again.
void EtcdStore::act_on(const EtcdPass::Failed& outcome) {
  fail({Problem::Kind::no_answer, outcome.reason}, now_() - pass_began_);
}

void EtcdStore::act_on(const EtcdPass::NoConfig&) {
  fail({Problem::Kind::no_config,
        fmt::format("{} has no network configuration; put one: etcdctl put {} "
                    R"('{{"Network": "10.5.0.0/16", "Backend": {{"Type": "vxlan"}}}}')",
                    etcd_->describe(), entries_.config_path())});
}

void EtcdStore::act_on(const EtcdPass::NewConfig& outcome) {
  known_.config = outcome.text;
  answered();
  // The listener may claim a lease now. If it cannot use the configuration: look again for a better one.
  sync_soon(known_.claim ? milliseconds(0) : kMostDelay);
  listener_(ConfigRead{known_.config});
}

void EtcdStore::act_on(const EtcdPass::Unclaimed&) {
  answered();
  sync_soon(kMostDelay);
}

void EtcdStore::act_on(const EtcdPass::OutOfSubnets& outcome) {
  answered();
  sync_soon(kAfterRefusal);
  listener_(ClaimFailed{
      fmt::format("out of subnets: all {} that the network configuration allows are leased under {}",
                  outcome.leases, entries_.subnets())});
}

void EtcdStore::act_on(const EtcdPass::RaceLost&) {
  if (++known_.lost_races < kMaxLostRaces) return sync_soon(race_backoff_.next());
  known_.lost_races = 0;
  race_backoff_.reset();
  answered();
  sync_soon(kAfterRefusal);
  listener_(ClaimFailed{fmt::format("other nodes were faster {} times", kMaxLostRaces)});
}

void EtcdStore::act_on(const EtcdPass::Complete& outcome) {
  known_.lost_races = 0;
  race_backoff_.reset();
  known_.cluster = outcome.list.cluster;
  count_ = outcome.count;
  revision_ = outcome.revision;
  doubts_ = 0;
  held_.clear();  // the list has them
  if (outcome.plan)
    known_.held = outcome.held;
  else if (known_.held)
    known_.held->state = HeldKey::State::present;
  if (outcome.plan) schedule_renewal();
  LeasesListed list = outcome.list;
  if (list.extent == LeasesListed::Extent::after_wipe)
    wipe_timer_.start(kAfterWipe);
  else if (wipe_timer_.armed())
    list.extent = LeasesListed::Extent::after_wipe;
  must_pass_ = sync_timer_.armed();  // a claim may have come meanwhile
  watch_.follow(outcome.revision);
  if (!probe_timer_.armed()) probe_timer_.start(first_probe());
  answered();
  listener_(list);
  if (outcome.plan) listener_(LeaseClaimed{known_.held->lease, outcome.plan->origin, outcome.plan->refused});
}

// --- between two passes -----------------------------------------------------------------------------------

void EtcdStore::changed(const std::vector<EtcdEvent>& events) {
  std::vector<LeaseEvent> lease_events;
  std::optional<EtcdEvent> own;
  const std::string own_path = known_.held ? entries_.path(known_.held->lease.key) : std::string();
  for (const EtcdEvent& event : events) {
    const bool is_new = event.kv.create_revision == event.kv.mod_revision;
    count_ += event.is_delete ? -1 : is_new ? 1 : 0;
    if (event.kv.key == own_path) own = event;
    if (const auto lease_event = entries_.read(event)) lease_events.push_back(*lease_event);
  }
  if (!lease_events.empty()) hold_or_send(std::move(lease_events));
  if (own) own_key_changed(*own);
}

void EtcdStore::own_key_changed(const EtcdEvent& event) {
  HeldKey& held = *known_.held;
  if (event.is_delete) {
    held.state = HeldKey::State::deleted;
    return sync_soon(seconds(0));  // claim it again in place
  }
  if (event.kv.mod_revision <= held.revision) return;  // what this node has put itself
  const bool is_known = std::exchange(held.state, HeldKey::State::contested) == HeldKey::State::contested;
  if (is_known) return;  // it waits already
  sync_soon(contest_backoff_.next());
  listener_(LeaseContested{describe_contest(held.lease, event.kv.value)});
}

void EtcdStore::schedule_renewal() {
  const Lease& own = known_.held->lease;
  if (!own.expiry) return renew_timer_.cancel();
  const seconds left = *own.expiry - now_();
  // A server may grant less than was asked for, even less than the margin.
  renew_timer_.start(left > renew_margin_ ? left - renew_margin_ : std::max(left / 3, seconds(1)));
}

void EtcdStore::renew() {
  etcd_->keep_alive(known_.held->etcd_lease, [this](const Result<EtcdLease>& answer) {
    renew_timer_.start(kRenewRetry);
    if (!answer) return fail({Problem::Kind::no_answer, answer.reason()});
    take_renewal(*answer);
  });
}

void EtcdStore::take_renewal(const EtcdLease& lease) {
  if (lease.ttl <= 0) return sync();  // gone, and the key with it
  known_.held->lease.expiry = now_() + seconds(lease.ttl);
  contest_backoff_.reset();
  schedule_renewal();
  listener_(LeaseRenewed{known_.held->lease});
}

}  // namespace flanneld
