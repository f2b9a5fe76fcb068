// What a lease store asks of etcd: calls that are answered later, and one watch. Tests put an etcd of their
// own behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "flanneld/io/result.h"
#include "flanneld/store/etcd/messages.h"

namespace flanneld {

class EtcdCalls {
 public:
  /// Called once from the event loop. The reason of a failure names the server and what it said, without
  /// secrets.
  template <class T>
  using Done = std::function<void(const Result<T>&)>;
  using OnWatch = std::function<void(const EtcdWatchResponse&)>;
  using OnWatchEnd = std::function<void()>;

  virtual ~EtcdCalls() = default;

  virtual void read(const std::string& key, Done<EtcdRange> done) = 0;
  /// Reads a part of a list. Fails as too_long past kEtcdPageBytes, as outdated when its revision is gone.
  virtual void page(const EtcdPage& page, Done<EtcdRange> done) = 0;
  /// Whether there is such a key, and how many below `prefix`, by the word of a majority of members.
  virtual void probe(const std::string& key, const std::string& prefix, Done<EtcdProbe> done) = 0;

  /// Puts `kv` if its key has that mod_revision; 0: if there is no such key. Otherwise answers with the entry
  /// that there is.
  virtual void put_if(const EtcdKeyValue& kv, int64_t mod_revision, Done<EtcdTxn> done) = 0;
  /// Deletes the key if it has that mod_revision.
  virtual void delete_if(const std::string& key, int64_t mod_revision, Done<EtcdTxn> done) = 0;

  virtual void grant(int64_t ttl_seconds, Done<EtcdLease> done) = 0;
  /// A TTL of 0 or less in the answer: there is no such lease.
  virtual void keep_alive(int64_t lease, Done<EtcdLease> done) = 0;
  /// Its outcome is not reported.
  virtual void revoke(int64_t lease) = 0;

  /// Watches the keys that begin with `prefix`, from a revision on. Replaces the watch that there is.
  /// `on_end` is called once, unless end_watch() or another watch() comes first.
  virtual void watch(const std::string& prefix, int64_t from_revision, OnWatch on_response,
                     OnWatchEnd on_end) = 0;
  virtual void end_watch() = 0;
  /// True if there is a watch, through the member that answers calls.
  [[nodiscard]] virtual bool is_watch_current() const = 0;

  /// The servers, for people, without user or password.
  [[nodiscard]] virtual std::string describe() const = 0;
};

}  // namespace flanneld
