// Talks to an etcd cluster through the v3 JSON gateway of whichever member answers: calls, and one watch.
// Knows keys and values as bytes only, nothing of leases of subnets.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/io/http_client.h"
#include "flanneld/io/line_splitter.h"
#include "flanneld/io/url.h"
#include "flanneld/store/etcd/messages.h"

namespace flanneld {

struct EtcdAccess {
  std::vector<std::string> endpoints;  ///< URLs; tried in turn, beginning with the one that answered last
  TlsFiles tls;
  std::string username, password;  ///< both empty: no authentication
};

class EtcdClient {
 public:
  /// `error` is null when the call was answered; else `answer` is null, and the text names the server and
  /// what it said, without secrets.
  using Done = std::function<void(const json::Value& answer, const std::string* error)>;
  using OnWatch = std::function<void(const EtcdWatchResponse&)>;
  using OnWatchEnd = std::function<void(const std::string& reason)>;

  EtcdClient(EventLoop& loop, EtcdAccess access);

  /// Asks one member after the other until one answers, each for at most 4 s. A member's refusal of the
  /// call itself is an answer of the cluster, and an error. Destroying the client ends all calls.
  void call(EtcdCall call, Done done);

  /// Watches through the member that calls go to now; replaces a watch that there is. `on_end` is called once
  /// unless end_watch() comes first.
  void watch(const EtcdCall& call, OnWatch on_response, OnWatchEnd on_end);
  void end_watch();
  /// True if the watch goes through the member that answers calls.
  [[nodiscard]] bool is_watch_current() const { return watch_ && watched_ == current_; }

  /// The member that calls go to now, without user or password.
  [[nodiscard]] std::string endpoint() const { return without_userinfo(access_.endpoints[current_]); }

 private:
  struct Call {
    EtcdCall call;
    Done done;
    size_t tries = 0;            ///< members asked
    bool has_new_token = false;  ///< one attempt to authenticate anew
    HttpClient::ExchangePtr exchange;
  };
  using Calls = std::list<Call>;

  void send(Calls::iterator call);
  void answered(Calls::iterator call, const HttpResult& result);
  void try_next(Calls::iterator call, const std::string& reason);
  void finish(Calls::iterator call, const json::Value& answer, const std::string* error);
  void get_token(Calls::iterator call);
  void take_watch_bytes(std::string_view bytes);
  void fail_watch(const std::string& reason);
  [[nodiscard]] HttpRequest request(const EtcdCall& call) const;

  EtcdAccess access_;
  size_t current_ = 0;
  std::string token_;
  HttpClient http_;
  Calls calls_;
  HttpClient::ExchangePtr watch_;
  size_t watched_ = 0;
  LineSplitter watch_lines_;
  OnWatch on_watch_;
  OnWatchEnd on_watch_end_;
};

}  // namespace flanneld
