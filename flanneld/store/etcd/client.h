// Talks to an etcd cluster through the v3 JSON gateway of any member that answers. Knows keys and values as
// bytes only, and nothing of what they mean.
#pragma once

#include <chrono>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flanneld/io/document_splitter.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/io/http_client.h"
#include "flanneld/lease/subnet_allocator.h"
#include "flanneld/store/etcd/calls.h"
#include "flanneld/store/etcd/discovery.h"

namespace flanneld {

struct EtcdAccess {
  std::vector<std::string> endpoints;  ///< URLs; tried in turn, beginning with the one that answered last
  /// Which of so many is the first. All nodes have one list, and each stays with the member that answers it.
  RandomBelow begin_at = random_below;
  std::string discovery = {};  ///< a domain whose SRV records name them instead; empty: none
  TlsFiles tls;
  std::string username, password;  ///< both empty: no authentication
  /// For each member; a page of a list, which is asked for when a member has just answered, gets four times
  /// as long. One that takes a call and does not answer it in time may have many to answer: then all calls
  /// get twice as long, and so on, until one is answered.
  std::chrono::milliseconds call_timeout = std::chrono::seconds(4);
};

/// Each call asks one member after the other until one answers. A member's refusal of the call itself is an
/// answer of the cluster, and a failure. Destroying the client ends all calls without a word.
class EtcdClient final : public EtcdCalls {
 public:
  EtcdClient(EventLoop& loop, EtcdAccess access);

  void read(const std::string& key, Done<EtcdRange> done) override;
  void page(const EtcdPage& page, Done<EtcdRange> done) override;
  void probe(const std::string& key, const std::string& prefix, Done<EtcdProbe> done) override;
  void put_if(const EtcdKeyValue& kv, int64_t mod_revision, Done<EtcdTxn> done) override;
  void delete_if(const std::string& key, int64_t mod_revision, Done<EtcdTxn> done) override;
  void grant(int64_t ttl_seconds, Done<EtcdLease> done) override;
  void keep_alive(int64_t lease, Done<EtcdLease> done) override;
  void revoke(int64_t lease) override;
  void watch(const std::string& prefix, int64_t from_revision, OnWatch on_response,
             OnWatchEnd on_end) override;
  void end_watch() override;
  [[nodiscard]] bool is_watch_current() const override { return watch_ && watched_ == current_; }
  [[nodiscard]] std::string describe() const override;

 private:
  struct Call {
    EtcdCall call;
    Done<json::Value> done;
    size_t member;                 ///< that it was sent to
    std::vector<bool> has_failed;  ///< by member
    bool has_new_token = false;    ///< authenticated once more since it began
    EventLoop::Clock::time_point sent = {};
    std::chrono::milliseconds patience = {};  ///< that it was sent with
    HttpClient::ExchangePtr exchange;
  };
  using Calls = std::list<Call>;

  template <class T>
  void call(EtcdCall call, T (*parse)(const json::Value&), Done<T> done);
  void begin(EtcdCall call, Done<json::Value> done);
  /// The calls that wait for the servers to be found begin, or fail.
  void discovered(const Result<std::vector<std::string>>& urls);
  void begin_now(EtcdCall call, Done<json::Value> done);
  void send(Calls::iterator call);
  void answered(Calls::iterator call, const HttpResult& result);
  void try_next(Calls::iterator call, const std::string& reason);
  void finish(Calls::iterator call, const Result<json::Value>& result);
  void get_token(Calls::iterator call);
  void take_token(Calls::iterator call, const HttpResult& result);
  void take_watch_bytes(std::string_view bytes);
  void fail_watch();
  /// How long a call that is no page, or one that is, is waited for at least.
  [[nodiscard]] std::chrono::milliseconds least_patience(bool is_page) const;
  /// A server that many ask at once never answers any of them in time if each gives up and asks again.
  void learn_patience(const Call& call, const HttpResult& result);
  [[nodiscard]] size_t first_member() const;
  [[nodiscard]] HttpRequest request(const EtcdCall& call, size_t member) const;
  /// "http://192.168.1.10:2379: reason".
  [[nodiscard]] std::string by_member(size_t member, const std::string& reason) const;

  EtcdAccess access_;
  size_t current_ = 0;  ///< the member that new calls go to
  std::chrono::milliseconds patience_,
      page_patience_;  ///< small answers come in time while large ones do not
  std::string token_;
  HttpClient http_;
  Calls calls_;
  std::optional<EtcdDiscovery> discovery_;
  bool must_discover_ = false;  ///< no servers are known, or none of them answers
  std::vector<std::pair<EtcdCall, Done<json::Value>>> waiting_;  ///< for that
  HttpClient::ExchangePtr watch_;
  size_t watched_ = 0;  ///< the member that it goes through
  DocumentSplitter watch_messages_;
  OnWatch on_watch_;
  OnWatchEnd on_watch_end_;
};

}  // namespace flanneld
