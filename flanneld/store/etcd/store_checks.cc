// What the etcd store asks to find out whether it is told the truth.
#include <algorithm>
#include <iterator>
#include <utility>

#include "flanneld/store/etcd/store.h"
#include "flanneld/store/spread.h"

namespace flanneld {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// A question after deletions costs each node a call: not more often than this. Events that are under way
/// explain another number of keys; they are here soon.
constexpr milliseconds kVerifyGap(500);
constexpr int kMostDoubts = 3;

}  // namespace

/// Of all nodes that have just listed, each asks at another time.
milliseconds EtcdStore::first_probe() { return kEtcdProbeInterval / 2 + random_part(kEtcdProbeInterval); }

void EtcdStore::hold_or_send(std::vector<LeaseEvent> events) {
  const bool must_verify = std::any_of(events.begin(), events.end(), [this](const LeaseEvent& event) {
    const bool is_own = known_.held && event.lease.key == known_.held->lease.key;
    return event.kind == LeaseEvent::Kind::removed && !is_own;
  });
  if (held_.empty() && !must_verify) return listener_(LeasesChanged{std::move(events)});
  std::move(events.begin(), events.end(), std::back_inserter(held_));
  if (!is_verifying_ && !verify_timer_.armed()) verify_timer_.start(random_part(question_spread(count_)));
}

/// A deletion cuts a peer off, and a member that has lost its mind may report false ones: asks a majority how
/// many keys there are.
void EtcdStore::verify() {
  if (held_.empty()) return;
  is_verifying_ = true;
  etcd_->probe(probed_key(), entries_.subnets(),
               [this, seen = watch_.revision()](const Result<EtcdProbe>& answer) {
                 is_verifying_ = false;
                 if (is_busy(answer, seen))
                   return verify_timer_.start(std::max(kVerifyGap, question_spread(count_)));
                 if (!answer)
                   return fail({Problem::Kind::no_answer, answer.reason()});  // until there is a list
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
    verify_timer_.start(std::max(kVerifyGap, question_spread(count_)));
  } else if (doubt(probe) < kMostDoubts) {
    verify_timer_.start(kEtcdDoubtPause + random_part(urgent_list_spread(count_)));
  } else {
    sync();
  }
}

/// With thousands of nodes that join at once events take minutes. Then a list for each would take even
/// longer.
int EtcdStore::doubt(const EtcdProbe& probe) {
  const int64_t seen = watch_.revision();
  const bool is_catching_up = doubts_ > 0 && doubted_.seen < seen && seen < doubted_.store;
  if (!is_catching_up) ++doubts_;
  doubted_ = {.store = probe.revision, .seen = seen};
  return doubts_;
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

/// A call failed, and meanwhile events arrived that a majority had agreed to: that is no outage, which would
/// cost a list.
bool EtcdStore::is_busy(const Result<EtcdProbe>& answer, int64_t seen) const {
  return !answer && !problem_ && watch_.revision() > seen;
}

/// A read that a majority must agree to: a stream that is silent says nothing of the cluster's health.
void EtcdStore::probe() {
  const std::string key = probed_key();
  etcd_->probe(key, entries_.subnets(),
               [this, key, seen = watch_.revision()](const Result<EtcdProbe>& answer) {
                 probe_timer_.start(kEtcdProbeInterval);
                 if (is_busy(answer, seen)) return;
                 if (!answer) return fail({Problem::Kind::no_answer, answer.reason()});
                 take_probe(*answer, key);
               });
}

void EtcdStore::take_probe(const EtcdProbe& probe, const std::string& key) {
  if (problem_ && must_pass_) return sync();
  if (phase_ != Phase::idle || (is_verifying_ && !problem_)) return;
  // A watch that went on in a store that was wiped does not report it.
  const bool is_gone = known_.held && key == entries_.path(known_.held->lease.key) && !probe.has_key;
  if (is_gone || has_turned_back(probe)) return sync();
  revision_ = probe.revision;
  if (problem_) return recovered();
  if (probe.count == count_)
    doubts_ = 0;
  else if (doubt(probe) < kMostDoubts)
    probe_timer_.start(seconds(1) + random_part(urgent_list_spread(count_)));
  else
    return sync();
  watch_.refresh();
}

/// The watch goes on from what is known, which is a call for each node, and not a list. That it tells all is
/// not certain (a copy may have been restored that others have taken further since), so a list follows at
/// leisure.
void EtcdStore::recovered() {
  answered();
  watch_.resume();
  probe_timer_.start(first_probe());
  if (!held_.empty()) verify_timer_.start(random_part(question_spread(count_)));
  relist_timer_.start(random_part(list_spread(count_)));
}

}  // namespace flanneld
