#include "flanneld/store/etcd/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "flanneld/io/url.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

constexpr size_t kMaxAnswer = 4 << 20;
/// etcd cuts what a watch sends into pieces of what one request may have, 2 MiB; base64 makes more of it.
constexpr size_t kMaxWatchMessage = 4 << 20;
constexpr std::chrono::milliseconds kMostCallTime(64'000);
constexpr int kPagePatience = 4;  // etcd takes a thousand times longer for it than for most calls

// gRPC codes that the gateway passes on (google.golang.org/grpc/codes).
constexpr int kUnknown = 2, kDeadlineExceeded = 4, kOutOfRange = 11, kUnavailable = 14, kUnauthenticated = 16;

/// True if another member may do better.
bool is_member_trouble(const EtcdError& error) {
  return error.code == 0 || error.code == kUnknown || error.code == kDeadlineExceeded ||
         error.code == kUnavailable;
}

/// Tokens live in one member's memory, and end with it or with time.
bool is_token_trouble(const EtcdError& error) {
  return error.code == kUnauthenticated || error.text.find("invalid auth token") != std::string::npos ||
         error.text.find("user name is empty") != std::string::npos;
}

}  // namespace

EtcdClient::EtcdClient(EventLoop& loop, EtcdAccess access)
    : access_(std::move(access)),
      patience_(least_patience(false)),
      page_patience_(least_patience(true)),
      http_(loop, {.files = access_.tls}),
      watch_messages_(kMaxWatchMessage) {
  current_ = first_member();
  must_discover_ = !access_.discovery.empty();
  if (must_discover_) discovery_.emplace(loop, access_.discovery);
}

/// One of those at the front that are reached alike: a list that ends with plain ones wants them last.
size_t EtcdClient::first_member() const {
  const std::vector<std::string>& urls = access_.endpoints;
  const auto uses_tls = [](const std::string& url) { return url.starts_with("https:"); };
  const auto other = std::find_if(urls.begin(), urls.end(), [&](const std::string& url) {
    return uses_tls(url) != uses_tls(urls.front());
  });
  const auto alike = static_cast<size_t>(other - urls.begin());
  return alike < 2 ? 0 : access_.begin_at(alike);
}

std::string EtcdClient::describe() const {
  if (discovery_) return fmt::format("the servers in the DNS of {}", discovery_->domain());
  std::vector<std::string> servers;
  for (const std::string& url : access_.endpoints) servers.push_back(without_userinfo(url));
  return fmt::format("{}", fmt::join(servers, ","));
}

// --- the calls --------------------------------------------------------------------------------------------

template <class T>
// NOLINTNEXTLINE(performance-unnecessary-value-param): begin() keeps it
void EtcdClient::call(EtcdCall call, T (*parse)(const json::Value&), Done<T> done) {
  begin(std::move(call), [this, parse, done = std::move(done)](const Result<json::Value>& answer) {
    if (!answer) return done(Result<T>::failure(answer.reason(), answer.kind()));
    std::optional<Result<T>> parsed;
    try {
      parsed = parse(*answer);
    } catch (const base::ParseError& error) {
      parsed = Result<T>::failure(by_member(current_, error.what()));
    }
    done(*parsed);
  });
}

void EtcdClient::read(const std::string& key, Done<EtcdRange> done) {
  call(range_key(key), &parse_range, std::move(done));
}
void EtcdClient::page(const EtcdPage& page, Done<EtcdRange> done) {
  call(range_page(page), &parse_range, std::move(done));
}
void EtcdClient::probe(const std::string& key, const std::string& prefix, Done<EtcdProbe> done) {
  call(probe_keys(key, prefix), &parse_probe, std::move(done));
}
void EtcdClient::put_if(const EtcdKeyValue& kv, int64_t mod_revision, Done<EtcdTxn> done) {
  call(flanneld::put_if(kv, mod_revision), &parse_txn, std::move(done));
}
void EtcdClient::delete_if(const std::string& key, int64_t mod_revision, Done<EtcdTxn> done) {
  call(flanneld::delete_if(key, mod_revision), &parse_txn, std::move(done));
}
void EtcdClient::grant(int64_t ttl_seconds, Done<EtcdLease> done) {
  call(grant_lease(ttl_seconds), &parse_lease, std::move(done));
}
void EtcdClient::keep_alive(int64_t lease, Done<EtcdLease> done) {
  call(flanneld::keep_alive(lease), &parse_keep_alive, std::move(done));
}
void EtcdClient::revoke(int64_t lease) {
  begin(revoke_lease(lease), [](const Result<json::Value>&) {});
}

// --- one call, from member to member ----------------------------------------------------------------------

HttpRequest EtcdClient::request(const EtcdCall& call, size_t member) const {
  HttpRequest request;
  request.url = fmt::format("{}/v3/{}", access_.endpoints[member], call.path);
  request.body = call.body.dump(-1, ' ', false, json::Value::error_handler_t::replace);
  request.most_bytes = call.most_bytes;
  if (!token_.empty()) request.headers.push_back(fmt::format("Authorization: {}", token_));
  return request;
}

std::string EtcdClient::by_member(size_t member, const std::string& reason) const {
  return fmt::format("{}: {}", without_userinfo(access_.endpoints[member]), reason);
}

void EtcdClient::begin(EtcdCall call, Done<json::Value> done) {
  if (!must_discover_) return begin_now(std::move(call), std::move(done));
  waiting_.emplace_back(std::move(call), std::move(done));
  if (waiting_.size() == 1)
    discovery_->find([this](const Result<std::vector<std::string>>& urls) { discovered(urls); });
}

void EtcdClient::discovered(const Result<std::vector<std::string>>& urls) {
  // A call that is under way counts members by their place. Where the DNS fails, those known may serve again.
  if (urls && calls_.empty() && *urls != access_.endpoints) {
    access_.endpoints = *urls;
    current_ = 0;
    watched_ = access_.endpoints.size();  // none of these
  }
  must_discover_ = access_.endpoints.empty();
  for (auto& [call, done] : std::exchange(waiting_, {})) {
    if (must_discover_)
      done(Result<json::Value>::failure(urls.reason()));
    else
      begin_now(std::move(call), std::move(done));
  }
}

void EtcdClient::begin_now(EtcdCall call, Done<json::Value> done) {
  const size_t count = access_.endpoints.size();
  calls_.push_back({.call = std::move(call),
                    .done = std::move(done),
                    .member = current_,
                    .has_failed = std::vector<bool>(count),
                    .exchange = nullptr});
  const auto place = std::prev(calls_.end());
  if (!access_.username.empty() && token_.empty())
    get_token(place);
  else
    send(place);
}

void EtcdClient::send(Calls::iterator call) {
  HttpRequest http_request = request(call->call, call->member);
  http_request.timeout = call->patience = call->call.is_page ? page_patience_ : patience_;
  call->sent = EventLoop::Clock::now();
  call->exchange =
      http_.send(http_request, [this, call](const HttpResult& result) { answered(call, result); });
}

std::chrono::milliseconds EtcdClient::least_patience(bool is_page) const {
  return access_.call_timeout * (is_page ? kPagePatience : 1);
}

void EtcdClient::learn_patience(const Call& call, const HttpResult& result) {
  std::chrono::milliseconds& patience = call.call.is_page ? page_patience_ : patience_;
  if (result.status != 0 && result.error.empty())
    patience = std::max(least_patience(call.call.is_page), patience / 2);
  else if (EventLoop::Clock::now() - call.sent >= call.patience)
    patience = std::max(patience, std::min(kMostCallTime, call.patience * 2));
}

void EtcdClient::answered(Calls::iterator call, const HttpResult& result) {
  learn_patience(*call, result);
  if (result.is_too_long && call->call.is_page)
    return finish(call,
                  Result<json::Value>::failure(by_member(call->member, result.error), Failure::too_long));
  if (!result.error.empty() || result.status == 0) return try_next(call, result.error);
  if (result.status >= 400) {
    const EtcdError error = parse_error(result.status, result.body);
    if (!access_.username.empty() && is_token_trouble(error) && !std::exchange(call->has_new_token, true))
      return get_token(call);
    if (is_member_trouble(error)) return try_next(call, error.text);
    const bool is_compacted = error.code == kOutOfRange && error.text.find("compacted") != std::string::npos;
    return finish(call, Result<json::Value>::failure(by_member(call->member, error.text),
                                                     is_compacted ? Failure::outdated : Failure::other));
  }
  json::Value answer;
  try {
    answer = decoding(fmt::format("the answer to {}", call->call.path),
                      [&] { return parse_object(result.body, kMaxAnswer); });
  } catch (const base::ParseError& error) {
    return try_next(call, error.what());
  }
  if (call->has_failed[current_]) current_ = call->member;
  finish(call, answer);
}

/// Several calls may be under way to a member that fails: only the first of them moves new calls on.
void EtcdClient::try_next(Calls::iterator call, const std::string& reason) {
  const size_t failed = call->member, count = access_.endpoints.size();
  call->has_failed[failed] = true;
  if (current_ == failed) current_ = (failed + 1) % count;
  for (size_t i = 0; i < count; ++i) {
    call->member = (current_ + i) % count;
    if (!call->has_failed[call->member]) return send(call);
  }
  must_discover_ = discovery_.has_value();  // they may have moved
  finish(call, Result<json::Value>::failure(by_member(failed, reason)));
}

void EtcdClient::finish(Calls::iterator call, const Result<json::Value>& result) {
  const Done<json::Value> done = std::move(call->done);
  calls_.erase(call);
  done(result);
}

void EtcdClient::get_token(Calls::iterator call) {
  token_.clear();
  HttpRequest http_request = request(authenticate(access_.username, access_.password), call->member);
  http_request.timeout = access_.call_timeout;
  call->exchange =
      http_.send(http_request, [this, call](const HttpResult& result) { take_token(call, result); });
}

void EtcdClient::take_token(Calls::iterator call, const HttpResult& result) {
  if (!result.error.empty() || result.status == 0) return try_next(call, result.error);
  if (result.status >= 400) {
    const EtcdError error = parse_error(result.status, result.body);
    // Without authentication in the cluster there is nothing to authenticate for.
    if (error.text.find("authentication is not enabled") != std::string::npos) return send(call);
    // A server that is not etcd might send back the password that it was sent.
    const std::string reason =
        fmt::format("authenticate as '{}': {}", access_.username,
                    error.code != 0 ? error.text : fmt::format("HTTP status {}", result.status));
    return finish(call, Result<json::Value>::failure(by_member(call->member, reason)));
  }
  try {
    token_ = parse_token(parse_object(result.body, kMaxAnswer));
  } catch (const std::exception& error) {
    return try_next(call, error.what());
  }
  send(call);
}

// --- the watch --------------------------------------------------------------------------------------------

void EtcdClient::watch(const std::string& prefix, int64_t from_revision, OnWatch on_response,
                       OnWatchEnd on_end) {
  end_watch();
  on_watch_ = std::move(on_response);
  on_watch_end_ = std::move(on_end);
  watched_ = current_;
  HttpRequest http_request = request(watch_prefix(prefix, from_revision), watched_);
  // A member that is cut off from the others shall end the watch rather than say nothing.
  http_request.headers.emplace_back("Grpc-Metadata-hasleader: true");
  http_request.most_bytes = kMaxWatchMessage;
  watch_ = http_.stream(
      http_request, [this](std::string_view bytes) { take_watch_bytes(bytes); },
      [this](const HttpResult&) { fail_watch(); });
}

void EtcdClient::end_watch() {
  watch_.reset();
  watch_messages_.clear();
}

/// An invalid token is replaced by the next call, and a member in trouble is passed over by it.
void EtcdClient::fail_watch() {
  end_watch();
  const OnWatchEnd on_end = on_watch_end_;
  on_end();
}

void EtcdClient::take_watch_bytes(std::string_view bytes) {
  const OnWatch on_watch = on_watch_;
  const HttpClient::Exchange* mine = watch_.get();
  try {
    watch_messages_.take(bytes);
    while (const auto message = watch_messages_.next()) {
      on_watch(parse_watch_response(*message));
      if (watch_.get() != mine) return;  // the listener has ended it, or begun another
    }
  } catch (const base::ParseError& error) {
    EtcdWatchResponse garbled;
    garbled.is_garbled = true;
    garbled.cancel_reason = error.what();
    on_watch(garbled);
  }
}

}  // namespace flanneld
