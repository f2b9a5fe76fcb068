// The etcd store between two passes: what it hears, and how it keeps the own lease.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/error.h"
#include "flanneld/store/etcd/store.h"

namespace flanneld {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr seconds kProbeInterval(10);
constexpr seconds kRenewRetry(10);

}  // namespace

void EtcdStore::watch(int64_t from_revision) {
  watched_to_ = from_revision - 1;
  watch_timer_.cancel();
  client_.watch(
      watch_prefix(subnets(), from_revision),
      [this](const EtcdWatchResponse& response) { take_watch(response); },
      [this](const std::string&) {
        // Whether the cluster is away is for the probe to find out, which also finds another member.
        watch_timer_.start(watch_backoff_.next());
        probe();
      });
}

void EtcdStore::take_watch(const EtcdWatchResponse& response) {
  // The pass lists at an older revision: told in this order, the list would take back what the event said,
  // and the store would look as if it had been wiped.
  if (is_busy_) {
    is_behind_ = true;
    return;
  }
  if (response.is_canceled) {  // compacted, or refused: what was missed is in a list
    client_.end_watch();
    return sync_soon(response.compact_revision != 0 ? milliseconds(0) : watch_backoff_.next());
  }
  // A store that is younger than what it told before is another one: it was wiped, or restored from a copy.
  if (response.revision < watched_to_) {
    client_.end_watch();
    return sync_soon(milliseconds(0));
  }
  watch_backoff_.reset();
  std::vector<LeaseEvent> events;
  bool is_lost = false, is_contested = false;
  for (const EtcdEvent& event : response.events) {
    const auto lease_event = to_event(event);
    if (!lease_event) continue;
    if (held_ && lease_event->lease.key == held_->lease.key) {
      is_lost = event.is_delete;
      is_contested = !event.is_delete && (event.kv.lease != held_->etcd_lease ||
                                          lease_event->lease.attributes != held_->lease.attributes);
    }
    events.push_back(*lease_event);
  }
  if (!response.is_created) watched_to_ = std::max(watched_to_, response.revision);
  if (!events.empty()) listener_(LeasesChanged{events});
  is_loss_told_ = is_lost;
  if (is_lost) sync();  // claim it again in place
  if (is_contested) {
    listener_(ClaimFailed{fmt::format("another node writes to {}{}; has it the same public address?",
                                      subnets(), held_->lease.key.format())});
    sync_soon(contest_backoff_.next());
  }
}

std::optional<LeaseKey> EtcdStore::to_key(const std::string& path) const {
  if (!path.starts_with(subnets())) return std::nullopt;
  const std::string name = path.substr(subnets().size());
  const auto key = LeaseKey::parse(name);
  return key && key->format() == name ? key : std::nullopt;
}

std::optional<LeaseEvent> EtcdStore::to_event(const EtcdEvent& event) {
  if (event.is_delete) {
    skipped_.erase(event.kv.key);
    const auto key = to_key(event.kv.key);
    if (!key) return std::nullopt;
    return LeaseEvent{LeaseEvent::Kind::removed, {*key, {}, std::nullopt}};
  }
  const auto lease = to_lease(event.kv);
  if (!lease) return std::nullopt;
  return LeaseEvent{LeaseEvent::Kind::put, *lease};
}

std::optional<Lease> EtcdStore::to_lease(const EtcdKeyValue& kv) {
  const auto key = to_key(kv.key);
  if (!key) {
    skip(kv, "the name is not the key of a lease");
    return std::nullopt;
  }
  try {
    Lease lease{*key, LeaseAttributes::parse(kv.value), std::nullopt};
    // How long another node's lease still lives is not asked for: its deletion will be told.
    if (kv.lease != 0)
      lease.expiry = held_ && *key == held_->lease.key ? held_->lease.expiry : now_() + kLeaseTime;
    skipped_.erase(kv.key);
    return lease;
  } catch (const base::ParseError& error) {
    skip(kv, error.what());
    return std::nullopt;
  }
}

void EtcdStore::skip(const EtcdKeyValue& kv, const std::string& reason) {
  const auto [entry, is_new] = skipped_.try_emplace(kv.key, kv.value);
  if (!is_new && entry->second == kv.value) return;
  entry->second = kv.value;
  listener_(EntrySkipped{kv.key, reason});
}

/// A read that a majority must agree to: a stream that is silent says nothing of the cluster's health.
void EtcdStore::probe() {
  if (is_probing_) return;
  is_probing_ = true;
  const std::string key = held_ ? subnets() + held_->lease.key.format() : prefix_ + "/config";
  client_.call(probe_key(key), [this, key](const json::Value& answer, const std::string* error) {
    is_probing_ = false;
    probe_timer_.start(kProbeInterval);
    if (error) return unreachable(*error);
    try {
      take_probe(parse_range(answer), key);
    } catch (const base::ParseError& parse_error) {
      unreachable(client_.endpoint() + ": " + parse_error.what());
    }
  });
}

void EtcdStore::take_probe(const EtcdRange& range, const std::string& key) {
  if (problem_) return sync();  // what has happened meanwhile?
  // A watch that went on in a store that was wiped has nothing to say of it.
  const bool is_gone = held_ && key == subnets() + held_->lease.key.format() && range.kvs.empty();
  if (is_gone && !is_busy_) return sync();
  if (!client_.is_watch_current() && !watch_timer_.armed() && !is_busy_) watch(watched_to_ + 1);
}

void EtcdStore::schedule_renewal() {
  if (!held_->lease.expiry) return renew_timer_.cancel();
  const seconds left = *held_->lease.expiry - now_();
  renew_timer_.start(std::max<milliseconds>({left - renew_margin_, left / 3, seconds(1)}));
}

void EtcdStore::renew() {
  client_.call(keep_alive(held_->etcd_lease), [this](const json::Value& answer, const std::string* error) {
    renew_timer_.start(kRenewRetry);
    if (error) return unreachable(*error);
    try {
      const EtcdLease lease = parse_keep_alive(answer);
      if (lease.ttl <= 0) return sync();  // gone, and the key with it
      held_->lease.expiry = now_() + seconds(lease.ttl);
    } catch (const base::ParseError& parse_error) {
      return unreachable(client_.endpoint() + ": " + parse_error.what());
    }
    contest_backoff_.reset();
    schedule_renewal();
    listener_(LeaseRenewed{held_->lease});
  });
}

}  // namespace flanneld
