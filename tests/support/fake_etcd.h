// An etcd without a server: keys, leases, revisions, watches, and the failures that a test asks for. Answers
// come from the event loop, as those of a server do.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/store/etcd/calls.h"

namespace test {

using flanneld::EtcdEvent;
using flanneld::EtcdKeyValue;
using flanneld::EtcdLease;
using flanneld::EtcdPage;
using flanneld::EtcdProbe;
using flanneld::EtcdRange;
using flanneld::EtcdTxn;
using flanneld::EtcdWatchResponse;
using flanneld::Failure;
using flanneld::Result;

class FakeEtcd {
 public:
  explicit FakeEtcd(flanneld::EventLoop& loop) : deliver_timer_(loop, [this] { deliver(); }) {}

  // What other clients do, and what happens to the store.
  void put(const std::string& key, const std::string& value, int64_t lease = 0) {
    EtcdKeyValue& kv = keys[key];
    ++revision;
    kv = {key, value, revision, lease, kv.create_revision != 0 ? kv.create_revision : revision};
    add_event({false, kv});
  }
  void remove(const std::string& key) {
    if (keys.erase(key) != 0) add_event({true, {key, {}, ++revision, 0}});
  }
  void revoke(int64_t lease) {
    leases.erase(lease);
    std::vector<std::string> gone;
    for (const auto& [key, kv] : keys)
      if (kv.lease == lease) gone.push_back(key);
    for (const std::string& key : gone) remove(key);
  }
  /// Begins with nothing, as another cluster would.
  void wipe() {
    keys.clear();
    leases.clear();
    history_.clear();
    revision = 1;
    cluster += "'";
  }
  /// Makes a key of which the watch is told later, by tell().
  EtcdEvent put_silently(const std::string& key, const std::string& value, int64_t lease) {
    ++revision;
    return {false, keys[key] = {key, value, revision, lease, revision}};
  }
  /// Tells the watch of what has not happened.
  void lie(const EtcdEvent& event) { tell(event); }
  void tell(const EtcdEvent& event) {
    EtcdWatchResponse response;
    response.revision = revision;
    response.events.push_back(event);
    send(response);
  }
  /// As if a copy of an earlier state had been put in the place of the present one.
  void turn_back(int64_t to) {
    std::erase_if(keys, [to](const auto& one) { return one.second.mod_revision > to; });
    history_.clear();
    revision = to;
  }
  /// Forgets the history, and cancels the watch.
  void compact() {
    history_.clear();
    compacted_ = revision;
    end_watch();
  }
  void end_watch() {
    if (!on_watch_end_) return;
    const auto on_end = std::exchange(on_watch_end_, nullptr);
    on_watch_ = nullptr;
    later(on_end);
  }

  std::map<std::string, EtcdKeyValue> keys;
  std::map<int64_t, int64_t> leases;  ///< ID -> seconds
  int64_t revision = 1;
  std::string cluster = "1";
  std::chrono::milliseconds delay{0};        ///< of all answers
  std::optional<std::string> failure;        ///< that every call has
  std::optional<std::string> write_failure;  ///< that puts have
  std::function<void()> before_put;          ///< what happens between a list and a put
  std::string calls;                         ///< "range list grant put " as they came
  std::function<void(const EtcdPage&)> before_page;
  size_t most_page_bytes = flanneld::kEtcdPageBytes;

 private:
  friend class FakeEtcdClient;

  void later(std::function<void()> action) {
    due_.push_back(std::move(action));
    deliver_timer_.start(delay);
  }
  void deliver() {
    for (const auto& action : std::exchange(due_, {})) action();
  }
  /// To the watch that there is now, and no later one.
  void send(const EtcdWatchResponse& response) {
    later([this, response, watch = watch_number_] {
      if (on_watch_ && watch == watch_number_) on_watch_(response);
    });
  }
  void add_event(const EtcdEvent& event) {
    history_.push_back(event);
    if (!on_watch_ || !event.kv.key.starts_with(watched_)) return;
    EtcdWatchResponse response;
    response.revision = revision;
    response.events.push_back(event);
    send(response);
  }
  void begin_watch(const std::string& prefix, int64_t from) {
    watched_ = prefix;
    ++watch_number_;
    EtcdWatchResponse response;
    response.revision = revision;
    if (from <= compacted_) {
      response.is_canceled = true;
      response.compact_revision = compacted_ + 1;
    } else {
      for (const EtcdEvent& event : history_)
        if (event.kv.mod_revision >= from && event.kv.key.starts_with(prefix))
          response.events.push_back(event);
    }
    send(response);
  }

  std::function<void(const EtcdWatchResponse&)> on_watch_;
  std::function<void()> on_watch_end_;
  std::string watched_;
  size_t watch_number_ = 0;
  int64_t compacted_ = 0, next_lease_ = 100;
  std::vector<EtcdEvent> history_;
  std::deque<std::function<void()>> due_;
  flanneld::Timer deliver_timer_;
};

/// One client of it. The watch is the last client's.
class FakeEtcdClient final : public flanneld::EtcdCalls {
 public:
  explicit FakeEtcdClient(FakeEtcd& etcd) : etcd_(etcd) {}

  void read(const std::string& key, Done<EtcdRange> done) override {
    answer<EtcdRange>("read", std::move(done), [this, key] { return range(key, key + '\0'); });
  }
  void page(const EtcdPage& page, Done<EtcdRange> done) override {
    note(page.from.back() == '/' ? "list" : "page");
    etcd_.later([this, page, done = std::move(done)] {
      if (etcd_.before_page) etcd_.before_page(page);
      if (etcd_.failure) return done(Result<EtcdRange>::failure(*etcd_.failure));
      if (page.revision != 0 && page.revision < etcd_.compacted_)
        return done(Result<EtcdRange>::failure("compacted", Failure::outdated));
      EtcdRange all = range(page.from, page.end), part{all.revision, all.cluster, {}, 0, false};
      size_t bytes = 0;
      for (EtcdKeyValue& kv : all.kvs) {
        part.has_more = part.kvs.size() == static_cast<size_t>(page.limit);
        if (part.has_more) break;
        if (page.keys_only) kv.value.clear();
        bytes += kv.key.size() + kv.value.size();
        part.kvs.push_back(kv);
      }
      part.count = static_cast<int64_t>(all.kvs.size());
      if (bytes > etcd_.most_page_bytes)
        return done(Result<EtcdRange>::failure("too long", Failure::too_long));
      done(part);
    });
  }
  void probe(const std::string& key, const std::string& prefix, Done<EtcdProbe> done) override {
    answer<EtcdProbe>("probe", std::move(done), [this, key, prefix] {
      const auto count = static_cast<int64_t>(range(prefix, prefix + '\xff').kvs.size());
      return EtcdProbe{etcd_.revision, etcd_.cluster, etcd_.keys.contains(key), count};
    });
  }
  void put_if(const EtcdKeyValue& kv, int64_t mod_revision, Done<EtcdTxn> done) override {
    if (etcd_.write_failure) {
      note("put");
      return etcd_.later([done = std::move(done), reason = *etcd_.write_failure] {
        done(Result<EtcdTxn>::failure(reason));
      });
    }
    answer<EtcdTxn>("put", std::move(done), [this, kv, mod_revision] {
      if (etcd_.before_put) std::exchange(etcd_.before_put, nullptr)();
      EtcdTxn txn;
      const auto found = etcd_.keys.find(kv.key);
      txn.succeeded = (found == etcd_.keys.end() ? 0 : found->second.mod_revision) == mod_revision;
      if (txn.succeeded)
        etcd_.put(kv.key, kv.value, kv.lease);
      else if (found != etcd_.keys.end())
        txn.existing = found->second;
      txn.revision = etcd_.revision;
      return txn;
    });
  }
  void delete_if(const std::string& key, int64_t mod_revision, Done<EtcdTxn> done) override {
    answer<EtcdTxn>("delete", std::move(done), [this, key, mod_revision] {
      EtcdTxn txn;
      const auto found = etcd_.keys.find(key);
      txn.succeeded = found != etcd_.keys.end() && found->second.mod_revision == mod_revision;
      if (txn.succeeded) etcd_.remove(key);
      txn.revision = etcd_.revision;
      return txn;
    });
  }
  void grant(int64_t ttl_seconds, Done<EtcdLease> done) override {
    answer<EtcdLease>("grant", std::move(done), [this, ttl_seconds] {
      etcd_.leases[++etcd_.next_lease_] = ttl_seconds;
      return EtcdLease{etcd_.next_lease_, ttl_seconds};
    });
  }
  void keep_alive(int64_t lease, Done<EtcdLease> done) override {
    answer<EtcdLease>("keep", std::move(done), [this, lease] {
      const auto found = etcd_.leases.find(lease);
      return found == etcd_.leases.end() ? EtcdLease{} : EtcdLease{lease, found->second};
    });
  }
  void revoke(int64_t lease) override {
    note("revoke");
    etcd_.revoke(lease);
  }
  void watch(const std::string& prefix, int64_t from_revision, OnWatch on_response,
             OnWatchEnd on_end) override {
    etcd_.on_watch_ = std::move(on_response);
    etcd_.on_watch_end_ = std::move(on_end);
    if (etcd_.failure) return etcd_.end_watch();
    etcd_.begin_watch(prefix, from_revision);
  }
  void end_watch() override { etcd_.on_watch_ = nullptr, etcd_.on_watch_end_ = nullptr; }
  [[nodiscard]] bool is_watch_current() const override { return etcd_.on_watch_ != nullptr; }
  [[nodiscard]] std::string describe() const override { return "fake"; }

 private:
  void note(const std::string& name) { etcd_.calls += name + ' '; }
  template <class T>
  void answer(const std::string& name, Done<T> done, std::function<T()> act) {
    note(name);
    etcd_.later([this, done = std::move(done), act = std::move(act)] {
      done(etcd_.failure ? Result<T>::failure(*etcd_.failure) : Result<T>(act()));
    });
  }
  [[nodiscard]] EtcdRange range(const std::string& first, const std::string& end) const {
    EtcdRange range{etcd_.revision, etcd_.cluster, {}, 0, false};
    for (auto entry = etcd_.keys.lower_bound(first); entry != etcd_.keys.end() && entry->first < end; ++entry)
      range.kvs.push_back(entry->second);
    return range;
  }

  FakeEtcd& etcd_;
};

}  // namespace test
