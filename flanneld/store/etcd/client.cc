#include "flanneld/store/etcd/client.h"

#include <utility>

#include "common/base/error.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

constexpr auto kCallTimeout = std::chrono::seconds(4);
constexpr size_t kMaxAnswer = 16 << 20;  // some 40,000 leases

// gRPC codes that the gateway passes on (google.golang.org/grpc/codes).
constexpr int kUnknown = 2, kDeadlineExceeded = 4, kUnavailable = 14, kUnauthenticated = 16;

/// Another member may do better.
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
    : access_(std::move(access)), http_(loop, access_.tls), watch_lines_(kMaxAnswer) {}

HttpRequest EtcdClient::request(const EtcdCall& call) const {
  HttpRequest request;
  request.url = access_.endpoints[current_] + "/v3/" + call.path;
  request.body = call.body.dump(-1, ' ', false, json::Value::error_handler_t::replace);
  if (!token_.empty()) request.headers.push_back("Authorization: " + token_);
  return request;
}

void EtcdClient::call(EtcdCall call, Done done) {
  calls_.push_back({std::move(call), std::move(done), 0, false, nullptr});
  const auto place = std::prev(calls_.end());
  if (!access_.username.empty() && token_.empty())
    get_token(place);
  else
    send(place);
}

void EtcdClient::send(Calls::iterator call) {
  HttpRequest http_request = request(call->call);
  http_request.timeout = kCallTimeout;
  call->exchange =
      http_.send(http_request, [this, call](const HttpResult& result) { answered(call, result); });
}

void EtcdClient::answered(Calls::iterator call, const HttpResult& result) {
  if (!result.error.empty() || result.status == 0) return try_next(call, result.error);
  if (result.status >= 400) {
    const EtcdError error = parse_error(result.status, result.body);
    if (!access_.username.empty() && is_token_trouble(error) && !std::exchange(call->has_new_token, true))
      return get_token(call);
    if (is_member_trouble(error)) return try_next(call, error.text);
    const std::string text = endpoint() + ": " + error.text;
    return finish(call, nullptr, &text);
  }
  json::Value answer;
  try {
    answer =
        decoding("the answer to " + call->call.path, [&] { return parse_object(result.body, kMaxAnswer); });
  } catch (const base::ParseError& error) {
    return try_next(call, error.what());
  }
  finish(call, answer, nullptr);
}

void EtcdClient::try_next(Calls::iterator call, const std::string& reason) {
  const std::string text = endpoint() + ": " + reason;
  current_ = (current_ + 1) % access_.endpoints.size();
  if (++call->tries >= access_.endpoints.size()) return finish(call, nullptr, &text);
  send(call);
}

void EtcdClient::finish(Calls::iterator call, const json::Value& answer, const std::string* error) {
  const Done done = std::move(call->done);
  calls_.erase(call);
  done(answer, error);
}

void EtcdClient::get_token(Calls::iterator call) {
  token_.clear();
  HttpRequest http_request = request(authenticate(access_.username, access_.password));
  http_request.timeout = kCallTimeout;
  call->exchange = http_.send(http_request, [this, call](const HttpResult& result) {
    if (!result.error.empty() || result.status == 0) return try_next(call, result.error);
    if (result.status >= 400) {
      const EtcdError error = parse_error(result.status, result.body);
      // Whoever is not etcd might send back what it was sent.
      const std::string reason =
          error.code != 0 ? error.text : "HTTP status " + std::to_string(result.status);
      const std::string text = endpoint() + ": authenticate as '" + access_.username + "': " + reason;
      // Without authentication in the cluster there is nothing to authenticate for.
      if (error.text.find("authentication is not enabled") != std::string::npos) return send(call);
      return finish(call, nullptr, &text);
    }
    try {
      token_ = parse_token(parse_object(result.body, kMaxAnswer));
    } catch (const std::exception& error) {
      return try_next(call, error.what());
    }
    send(call);
  });
}

void EtcdClient::watch(const EtcdCall& call, OnWatch on_response, OnWatchEnd on_end) {
  end_watch();
  on_watch_ = std::move(on_response);
  on_watch_end_ = std::move(on_end);
  watched_ = current_;
  HttpRequest http_request = request(call);
  // A member that is cut off from the others shall end the watch rather than say nothing.
  http_request.headers.emplace_back("Grpc-Metadata-hasleader: true");
  watch_ = http_.stream(
      http_request, [this](std::string_view bytes) { take_watch_bytes(bytes); },
      [this](const HttpResult& result) {
        std::string reason = result.error;
        if (result.status >= 400) reason = parse_error(result.status, result.body).text;
        fail_watch(reason.empty() ? "the watch was ended" : reason);
      });
}

void EtcdClient::end_watch() {
  watch_.reset();
  watch_lines_.clear();
}

void EtcdClient::fail_watch(const std::string& reason) {
  const std::string text = without_userinfo(access_.endpoints[watched_]) + ": watch: " + reason;
  // An invalid token is replaced by the next call; a member in trouble is passed over by it.
  end_watch();
  const OnWatchEnd on_end = on_watch_end_;
  on_end(text);
}

void EtcdClient::take_watch_bytes(std::string_view bytes) {
  const OnWatch on_watch = on_watch_;
  const HttpClient::Exchange* mine = watch_.get();
  try {
    watch_lines_.take(bytes);
    while (const auto line = watch_lines_.next()) {
      on_watch(decoding("a message of the watch", [&] { return parse_watch_response(*line); }));
      if (watch_.get() != mine) return;  // the listener has ended it, or begun another
    }
  } catch (const base::ParseError& error) {
    fail_watch(error.what());
  }
}

}  // namespace flanneld
