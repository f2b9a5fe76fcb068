#include "flanneld/store/etcd/store.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/error.h"

namespace flanneld {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr milliseconds kFirstDelay(100), kMostDelay(5000);
constexpr milliseconds kFirstRace(10), kMostRace(400);
constexpr milliseconds kFirstContest(1000), kMostContest(600'000);
constexpr seconds kReachInterval(10);
constexpr int kMaxLostRaces = 20;
constexpr seconds kAfterLostRaces(10);
/// Other nodes, Go flanneld among them, have claimed again by then.
constexpr seconds kAfterWipe(60);

/// Joins as upstream does: no empty component, no slash at the end.
std::string clean_prefix(const std::string& prefix) {
  std::string result;
  for (const char one : prefix)
    if (one != '/' || result.empty() || result.back() != '/') result += one;
  while (!result.empty() && result.back() == '/') result.pop_back();
  return result;
}

std::string joined(const std::vector<std::string>& endpoints) {
  std::string text;
  for (const std::string& url : endpoints) text.append(text.empty() ? "" : ",").append(without_userinfo(url));
  return text;
}

}  // namespace

// cppcheck-suppress passedByValue; a part of it is moved out
EtcdStore::EtcdStore(EventLoop& loop, EtcdStoreOptions options)
    : prefix_(clean_prefix(options.prefix)),
      renew_margin_(options.renew_margin),
      now_(std::move(options.now)),
      endpoints_(joined(options.access.endpoints)),
      sync_timer_(loop, [this] { sync(); }),
      watch_timer_(loop, [this] { watch(watched_to_ + 1); }),
      probe_timer_(loop, [this] { probe(); }),
      renew_timer_(loop, [this] { renew(); }),
      sync_backoff_(kFirstDelay, kMostDelay),
      watch_backoff_(kFirstDelay, kMostDelay),
      race_backoff_(kFirstRace, kMostRace),
      contest_backoff_(kFirstContest, kMostContest),
      client_(loop, std::move(options.access)) {}

std::string EtcdStore::describe() const { return "etcd at " + endpoints_ + ", prefix " + prefix_; }

void EtcdStore::start(StoreListener listener) {
  listener_ = std::move(listener);
  sync_soon(milliseconds(0));
}

void EtcdStore::claim(const Claim& claim) {
  claim_ = claim;
  if (is_busy_)
    is_stale_ = true;
  else
    sync_soon(milliseconds(0));
}

void EtcdStore::sync_soon(milliseconds delay) { sync_timer_.start(delay); }

void EtcdStore::call(EtcdCall call, std::function<void(const json::Value&)> done) {
  client_.call(std::move(call),
               [this, done = std::move(done)](const json::Value& answer, const std::string* error) {
                 if (error) return failed(*error);
                 try {
                   done(answer);
                 } catch (const base::ParseError& parse_error) {
                   failed(client_.endpoint() + ": " + parse_error.what());
                 }
               });
}

void EtcdStore::failed(const std::string& reason) {
  revoke_granted();
  end_pass();
  is_stale_ = false;
  unreachable(reason);
}

void EtcdStore::end_pass() {
  is_busy_ = false;
  if (std::exchange(is_behind_, false)) watch(watched_to_ + 1);
}

void EtcdStore::unreachable(const std::string& reason, bool lacks_config) {
  if (std::exchange(lacks_config_, lacks_config) != lacks_config) problem_.reset();  // another problem now
  const auto before = std::exchange(problem_, reason);
  if (before != reason)
    listener_(
        StoreUnreachable{(lacks_config ? "" : "etcd does not serve: ") + reason,
                         before ? StoreUnreachable::Outage::goes_on : StoreUnreachable::Outage::begins});
  if (!is_busy_) sync_soon(sync_backoff_.next());
}

void EtcdStore::answered() {
  sync_backoff_.reset();
  if (std::exchange(problem_, std::nullopt)) listener_(StoreConnected{});
}

/// What was granted and not used would stay for a day.
void EtcdStore::revoke_granted() {
  const int64_t id = std::exchange(pass_.granted, 0);
  if (id != 0) client_.call(revoke_lease(id), [](const json::Value&, const std::string*) {});
}

// --- one pass -------------------------------------------------------------------------------------------

void EtcdStore::sync() {
  if (is_busy_) {
    is_stale_ = true;
    return;
  }
  sync_timer_.cancel();
  is_busy_ = true;
  is_stale_ = false;
  pass_ = {};
  read_config();
}

void EtcdStore::read_config() {
  call(range_key(prefix_ + "/config"), [this](const json::Value& answer) {
    const EtcdRange range = parse_range(answer);
    if (range.kvs.empty() && config_.empty() && !claim_) {
      end_pass();
      return unreachable(endpoints_ + " has no network configuration; put one: etcdctl put " + prefix_ +
                             R"(/config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}')",
                         true);
    }
    if (!range.kvs.empty() && range.kvs.front().value != config_) {
      config_ = range.kvs.front().value;
      answered();
      listener_(ConfigRead{config_});
    }
    if (claim_) {
      is_stale_ = false;  // asked for by the listener just now, and about to be met
      return list();
    }
    // The listener cannot use the configuration, or not yet: look again for a better one.
    answered();
    is_busy_ = false;
    sync_soon(kMostDelay);
  });
}

void EtcdStore::list() {
  call(range_prefix(subnets()), [this](const json::Value& answer) { take_list(parse_range(answer)); });
}

void EtcdStore::take_list(const EtcdRange& range) {
  pass_.revision = range.revision;
  for (const EtcdKeyValue& kv : range.kvs) {
    const auto lease = to_lease(kv);
    if (!lease) continue;
    pass_.leases.push_back(*lease);
    pass_.entries[lease->key] = kv;
  }
  pass_.is_wiped = looks_wiped(range);
  cluster_ = range.cluster;
  if (is_held())
    finish();
  else
    acquire();
}

/// A store that is younger than what it told, or another one in its place. One that was wiped and has grown
/// past that revision since, or before this start, shows it by the lack of the key that was held, whose end
/// nobody told of. (It may also have ended while this node was away; then peers that left meanwhile stay a
/// minute longer.)
bool EtcdStore::looks_wiped(const EtcdRange& range) const {
  const bool is_other = !cluster_.empty() && !range.cluster.empty() && cluster_ != range.cluster;
  const auto had = held_ ? std::optional(held_->lease.key) : claim_->previous;
  const bool lacks_own = had && !is_loss_told_ && !pass_.entries.contains(*had);
  return range.revision < watched_to_ || is_other || lacks_own;
}

bool EtcdStore::is_held() const {
  if (!held_) return false;
  const auto entry = pass_.entries.find(held_->lease.key);
  return entry != pass_.entries.end() && entry->second.lease == held_->etcd_lease &&
         LeaseAttributes::parse(entry->second.value) == claim_->attributes;
}

void EtcdStore::acquire() {
  SubnetRequest request{claim_->attributes, claim_->previous};
  if (held_) {
    request.previous = held_->lease.key;
    // The own key with other content: known as ours by the etcd lease even when the public address is new.
    const auto entry = pass_.entries.find(held_->lease.key);
    if (entry != pass_.entries.end() && held_->etcd_lease != 0 && entry->second.lease == held_->etcd_lease) {
      pass_.plan = {held_->lease.key, SubnetOrigin::own_lease, false, {}, {}};
      return prepare_etcd_lease();
    }
  }
  const auto plan = choose_subnets(claim_->config, pass_.leases, request);
  if (!plan) {
    answered();
    end_pass();
    listener_(ClaimFailed{
        fmt::format("out of subnets: all {} that the network configuration allows are leased under {}",
                    pass_.leases.size(), subnets())});
    sync_soon(kAfterLostRaces);
    return;
  }
  pass_.plan = *plan;
  remove_obsolete(0);
}

void EtcdStore::remove_obsolete(size_t index) {
  if (index == pass_.plan.obsolete.size()) return prepare_etcd_lease();
  const LeaseKey& key = pass_.plan.obsolete[index];
  const auto entry = pass_.entries.find(key);
  if (entry == pass_.entries.end()) return remove_obsolete(index + 1);
  call(delete_if(entry->second.key, entry->second.mod_revision), [this, index, key](const json::Value&) {
    pass_.entries.erase(key);
    std::erase_if(pass_.leases, [&](const Lease& lease) { return lease.key == key; });
    remove_obsolete(index + 1);
  });
}

/// An etcd lease that the key has already is used on while it lives.
void EtcdStore::prepare_etcd_lease() {
  const auto entry = pass_.entries.find(pass_.plan.key);
  const int64_t existing = entry == pass_.entries.end() ? 0 : entry->second.lease;
  if (pass_.plan.reserved) return put();
  if (existing == 0) return grant();
  call(keep_alive(existing), [this](const json::Value& answer) {
    const EtcdLease lease = parse_keep_alive(answer);
    if (lease.ttl <= 0) return grant();
    pass_.ttl = lease.ttl;
    put();
  });
}

void EtcdStore::grant() {
  call(grant_lease(kLeaseTime.count()), [this](const json::Value& answer) {
    const EtcdLease lease = parse_lease(answer);
    pass_.granted = lease.id;
    pass_.ttl = lease.ttl;
    put();
  });
}

void EtcdStore::put() {
  const auto entry = pass_.entries.find(pass_.plan.key);
  const bool exists = entry != pass_.entries.end();
  EtcdKeyValue kv;
  kv.key = exists ? entry->second.key : subnets() + pass_.plan.key.format();
  kv.value = claim_->attributes.format();
  kv.lease = pass_.plan.reserved ? 0 : pass_.granted != 0 ? pass_.granted : entry->second.lease;
  Held held;
  held.lease = {pass_.plan.key, claim_->attributes, std::nullopt};
  if (!pass_.plan.reserved) held.lease.expiry = now_() + seconds(pass_.ttl);
  held.etcd_lease = kv.lease;
  const int64_t mod_revision = exists ? entry->second.mod_revision : 0;
  if (exists && entry->second.value == kv.value && entry->second.lease == kv.lease) {
    held_ = held;
    return claimed();
  }
  call(put_if(kv, mod_revision), [this, held, kv](const json::Value& answer) {
    const EtcdTxn txn = parse_txn(answer);
    // A first try whose answer was lost may have won.
    const bool is_ours = txn.existing && txn.existing->value == kv.value && txn.existing->lease == kv.lease;
    if (txn.succeeded || is_ours) {
      held_ = held;
      pass_.granted = 0;
      return claimed();
    }
    lost_race();
  });
}

/// Somebody else was faster: look again and choose again.
void EtcdStore::lost_race() {
  revoke_granted();
  end_pass();
  if (++lost_races_ < kMaxLostRaces) return sync_soon(race_backoff_.next());
  lost_races_ = 0;
  race_backoff_.reset();
  answered();
  listener_(ClaimFailed{fmt::format("other nodes were faster {} times", kMaxLostRaces)});
  sync_soon(kAfterLostRaces);
}

void EtcdStore::claimed() {
  lost_races_ = 0;
  race_backoff_.reset();
  std::erase_if(pass_.leases, [&](const Lease& lease) { return lease.key == held_->lease.key; });
  pass_.leases.push_back(held_->lease);
  schedule_renewal();
  is_told_ = false;
  finish();
}

void EtcdStore::finish() {
  answered();
  is_busy_ = false;
  is_behind_ = false;  // the watch begins anew behind the list
  is_loss_told_ = false;
  const Pass pass = std::exchange(pass_, {});
  listener_(LeasesListed{pass.leases,
                         pass.is_wiped ? LeasesListed::Extent::after_wipe : LeasesListed::Extent::complete});
  if (!std::exchange(is_told_, true))
    listener_(LeaseClaimed{held_->lease, pass.plan.origin, pass.plan.refused});
  watch(pass.revision + 1);
  if (!probe_timer_.armed()) probe_timer_.start(kReachInterval);
  if (is_stale_)
    sync_soon(milliseconds(0));
  else if (pass.is_wiped)
    sync_soon(kAfterWipe);
}

}  // namespace flanneld
