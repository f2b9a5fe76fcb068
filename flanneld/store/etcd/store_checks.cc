// What the etcd store asks to find out whether it is told the truth.
#include <algorithm>
#include <iterator>
#include <utility>

#include "flanneld/store/etcd/store.h"

namespace flanneld {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// A question after deletions costs each node a call: not more often than this. Events that are under way
/// explain another number of keys; they are here soon.
constexpr milliseconds kVerifyGap(500);
constexpr int kMostDoubts = 3;

}  // namespace

void EtcdStore::hold_or_send(std::vector<LeaseEvent> events) {
  const bool must_verify = std::any_of(events.begin(), events.end(), [this](const LeaseEvent& event) {
    const bool is_own = known_.held && event.lease.key == known_.held->lease.key;
    return event.kind == LeaseEvent::Kind::removed && !is_own;
  });
  if (held_.empty() && !must_verify) return listener_(LeasesChanged{std::move(events)});
  std::move(events.begin(), events.end(), std::back_inserter(held_));
  if (!is_verifying_ && !verify_timer_.armed()) verify();
}

/// A deletion cuts a peer off, and a member that has lost its mind may report false ones: asks a majority how
/// many keys there are.
void EtcdStore::verify() {
  if (held_.empty()) return;
  is_verifying_ = true;
  etcd_->probe(probed_key(), entries_.subnets(), [this](const Result<EtcdProbe>& answer) {
    is_verifying_ = false;
    if (!answer) return fail({Problem::Kind::no_answer, answer.reason()});  // until there is a list
    take_verification(*answer);
  });
}

void EtcdStore::take_verification(const EtcdProbe& probe) {
  if (phase_ != Phase::idle) return;  // the end of the pass sees to it
  if (has_turned_back(probe)) return sync();
  revision_ = probe.revision;
  if (probe.count == count_) {
    doubts_ = 0;
    send_held();
    verify_timer_.start(kVerifyGap);
  } else if (++doubts_ < kMostDoubts) {
    verify_timer_.start(kEtcdDoubtPause);
  } else {
    sync();
  }
}

void EtcdStore::send_held() {
  if (!held_.empty()) listener_(LeasesChanged{std::exchange(held_, {})});
}

std::string EtcdStore::probed_key() const {
  return known_.held ? entries_.path(known_.held->lease.key) : entries_.config_path();
}

bool EtcdStore::has_turned_back(const EtcdProbe& probe) const {
  const bool is_other = !known_.cluster.empty() && !probe.cluster.empty() && known_.cluster != probe.cluster;
  return is_other || probe.revision < revision_;
}

/// A read that a majority must agree to: a stream that is silent says nothing of the cluster's health.
void EtcdStore::probe() {
  const std::string key = probed_key();
  etcd_->probe(key, entries_.subnets(), [this, key](const Result<EtcdProbe>& answer) {
    probe_timer_.start(kEtcdProbeInterval);
    if (!answer) return fail({Problem::Kind::no_answer, answer.reason()});
    take_probe(*answer, key);
  });
}

void EtcdStore::take_probe(const EtcdProbe& probe, const std::string& key) {
  if (problem_) return sync();  // what has happened meanwhile?
  if (phase_ != Phase::idle || is_verifying_) return;
  // A watch that went on in a store that was wiped does not report it.
  const bool is_gone = known_.held && key == entries_.path(known_.held->lease.key) && !probe.has_key;
  if (is_gone || has_turned_back(probe)) return sync();
  revision_ = probe.revision;
  if (probe.count == count_)
    doubts_ = 0;
  else if (++doubts_ < kMostDoubts)
    probe_timer_.start(seconds(1));
  else
    return sync();
  watch_.refresh();
}

}  // namespace flanneld
