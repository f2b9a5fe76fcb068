#include "flanneld/store/etcd/pass.h"

#include <algorithm>
#include <utility>

namespace flanneld {

using std::chrono::seconds;

namespace {

constexpr int kMostLostRaces = 10;  // before the list is taken to be too old

}  // namespace

EtcdPass::EtcdPass(EtcdCalls& etcd, LeaseEntries& entries, WallClock now, EtcdKnowledge known, Done done)
    : etcd_(etcd),
      entries_(entries),
      now_(std::move(now)),
      known_(std::move(known)),
      done_(std::move(done)) {}

void EtcdPass::begin() { etcd_.read(entries_.config_path(), then(&EtcdPass::take_config)); }

void EtcdPass::take_config(const EtcdRange& range) {
  if (range.kvs.empty() && known_.config.empty() && !known_.claim) return end(NoConfig{});
  if (!range.kvs.empty() && range.kvs.front().value != known_.config)
    return end(NewConfig{range.kvs.front().value});
  if (!known_.claim) return end(Unclaimed{});
  list_.emplace(etcd_, entries_.subnets(),
                EtcdList::Handlers{.begins =
                                       [this] {
                                         entries_.begin_list();
                                         result_.list.leases.clear();
                                         listed_.clear();
                                         junk_.clear();
                                       },
                                   .entry = [this](const EtcdKeyValue& kv) { take_entry(kv); },
                                   .too_long =
                                       [this](const EtcdKeyValue& kv) {
                                         entries_.pass_over(kv);
                                         take_junk(kv);
                                       },
                                   .done = then(&EtcdPass::take_list)});
  list_->begin();
}

void EtcdPass::take_entry(const EtcdKeyValue& kv) {
  const auto lease = entries_.read(kv);
  if (!lease) return take_junk(kv);
  result_.list.leases.push_back(*lease);
  listed_[lease->key] = kv;
}

/// Its subnet is given to nobody, and is the own one still if it was.
void EtcdPass::take_junk(const EtcdKeyValue& kv) {
  const auto key = entries_.key_of(kv.key);
  if (!key) return;
  listed_[*key] = {kv.key, {}, kv.mod_revision, 0, kv.create_revision};
  junk_.push_back(*key);
}

void EtcdPass::take_list(const EtcdListEnd& list) {
  entries_.end_list();
  result_.revision = list.revision;
  result_.count = list.count;
  result_.list.cluster = list.cluster;
  const auto age = [&](const Lease& lease) { return listed_.at(lease.key).create_revision; };
  std::stable_sort(result_.list.leases.begin(), result_.list.leases.end(),
                   [&](const Lease& a, const Lease& b) { return age(a) < age(b); });
  if (looks_wiped(list)) result_.list.extent = LeasesListed::Extent::after_wipe;
  if (known_.claim->kind == Claim::Kind::none) return end(std::move(result_));
  if (is_held()) {
    result_.held = *known_.held;
    return complete();
  }
  choose();
}

/// A store that is younger than what it sent, or another one in its place. One that was wiped and has grown
/// past that revision since, or before this start, shows it by the lack of the key that was held, whose end
/// nobody reported. (It may also have ended while this node was away; then peers that left meanwhile stay a
/// minute longer.)
bool EtcdPass::looks_wiped(const EtcdListEnd& list) const {
  const bool is_other = !known_.cluster.empty() && !list.cluster.empty() && known_.cluster != list.cluster;
  const auto had = known_.held ? std::optional(known_.held->lease.key) : known_.claim->previous;
  const bool is_deleted = known_.held && known_.held->state == HeldKey::State::deleted;
  return list.revision < known_.revision || is_other || (had && !is_deleted && !find_entry(*had));
}

bool EtcdPass::is_held() const {
  if (!known_.held || known_.held->state == HeldKey::State::contested) return false;
  const EtcdKeyValue* entry = find_entry(known_.held->lease.key);
  return entry && !entry->value.empty() && entry->lease == known_.held->etcd_lease &&
         LeaseAttributes::parse(entry->value) == known_.claim->attributes;
}

void EtcdPass::choose() {
  SubnetRequest request{known_.claim->attributes, known_.claim->previous};
  request.avoid = known_.claim->avoid;
  // A node that loses a race is one of many: had they few to choose from, most would lose again.
  if (known_.lost_races + lost_races_ > 0) request.candidates = kMostCandidates;
  for (const LeaseKey& key : junk_)
    for (const auto& subnet : {key.subnet, key.ipv6_subnet})
      if (subnet) request.avoid.push_back(*subnet);
  if (known_.held) {
    request.previous = known_.held->lease.key;
    // With other content the own key is known by its etcd lease, even when the public address is new.
    const EtcdKeyValue* entry = find_entry(known_.held->lease.key);
    if (entry && known_.held->etcd_lease != 0 && entry->lease == known_.held->etcd_lease) {
      result_.plan = SubnetPlan{known_.held->lease.key, SubnetOrigin::own_lease, false, {}, {}};
      return prepare_etcd_lease();
    }
  }
  result_.plan = choose_subnets(known_.claim->config, result_.list.leases, request);
  if (!result_.plan) return end(OutOfSubnets{result_.list.leases.size()});
  remove_obsolete();
}

void EtcdPass::remove_obsolete() {
  auto& obsolete = result_.plan->obsolete;
  if (obsolete.empty()) return prepare_etcd_lease();
  const LeaseKey key = obsolete.back();
  obsolete.pop_back();
  const EtcdKeyValue* entry = find_entry(key);
  if (!entry) return remove_obsolete();
  etcd_.delete_if(entry->key, entry->mod_revision, [this, key](const Result<EtcdTxn>& answer) {
    if (!answer) return end(Failed{answer.reason()});
    listed_.erase(key);
    std::erase_if(result_.list.leases, [&](const Lease& lease) { return lease.key == key; });
    remove_obsolete();
  });
}

/// An etcd lease that the key has already is used on while it lives.
void EtcdPass::prepare_etcd_lease() {
  if (result_.plan->reserved) return put();
  const EtcdKeyValue* entry = find_entry(result_.plan->key);
  etcd_lease_ = entry ? entry->lease : 0;
  if (etcd_lease_ == 0 && granted_ != 0) etcd_lease_ = granted_;  // for the subnet that another node took
  if (etcd_lease_ == 0) return grant();
  if (etcd_lease_ == granted_) return put();
  etcd_.keep_alive(etcd_lease_, then(&EtcdPass::take_keep_alive));
}

void EtcdPass::take_keep_alive(const EtcdLease& lease) {
  if (lease.ttl <= 0) return grant();
  ttl_ = lease.ttl;
  put();
}

void EtcdPass::grant() { etcd_.grant(kLeaseTime.count(), then(&EtcdPass::take_grant)); }

void EtcdPass::take_grant(const EtcdLease& lease) {
  etcd_lease_ = granted_ = lease.id;
  ttl_ = lease.ttl;
  put();
}

void EtcdPass::put() {
  const LeaseKey& key = result_.plan->key;
  const EtcdKeyValue* entry = find_entry(key);
  own_.key = entries_.path(key);
  own_.value = known_.claim->attributes.format();
  own_.lease = etcd_lease_;
  result_.held = {{key, known_.claim->attributes, std::nullopt}, etcd_lease_};
  if (etcd_lease_ != 0) result_.held.lease.expiry = now_() + seconds(ttl_);
  is_put_ = entry && entry->value == own_.value && entry->lease == own_.lease;
  if (is_put_) result_.held.revision = entry->mod_revision;
  // An agent that begins puts its lease once more: that tells another that holds the same one of it.
  const bool is_announced = known_.held && known_.held->state == HeldKey::State::present;
  if (is_put_ && is_announced) return complete();
  etcd_.put_if(own_, entry ? entry->mod_revision : 0, [this](const Result<EtcdTxn>& answer) {
    if (!answer && !is_put_) return end(Failed{answer.reason()});
    if (answer) return take_put(*answer);
    complete();
  });
}

void EtcdPass::take_put(const EtcdTxn& txn) {
  // A first try whose answer was lost may have won.
  const bool is_ours = txn.existing && txn.existing->value == own_.value && txn.existing->lease == own_.lease;
  if (!txn.succeeded && !is_ours) return lose_race(txn);
  if (own_.lease == granted_) granted_ = 0;
  result_.held.revision = txn.succeeded ? txn.revision : txn.existing->mod_revision;
  complete();
}

/// Only the one entry is news: a list for each loser would take etcd longer than all else when many nodes
/// join.
void EtcdPass::lose_race(const EtcdTxn& txn) {
  const auto taken = txn.existing ? entries_.key_of(txn.existing->key) : std::nullopt;
  if (!taken || find_entry(*taken) || ++lost_races_ > kMostLostRaces) return end(RaceLost{});
  take_entry(*txn.existing);
  choose();
}

void EtcdPass::complete() {
  const Lease& own = result_.held.lease;
  result_.held.state = HeldKey::State::present;
  std::erase_if(result_.list.leases, [&](const Lease& lease) { return lease.key == own.key; });
  result_.list.leases.push_back(own);
  end(std::move(result_));
}

void EtcdPass::end(const Outcome& outcome) {
  if (granted_ != 0) etcd_.revoke(granted_);  // it would stay for a day
  const Done done = std::move(done_);
  done(outcome);
}

const EtcdKeyValue* EtcdPass::find_entry(const LeaseKey& key) const {
  const auto found = listed_.find(key);
  return found == listed_.end() ? nullptr : &found->second;
}

}  // namespace flanneld
