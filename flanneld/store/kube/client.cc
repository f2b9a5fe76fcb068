#include "flanneld/store/kube/client.h"

#include <fmt/format.h>

#include <cctype>
#include <iterator>
#include <utility>

#include "common/base/error.h"
#include "flanneld/io/url.h"
#include "flanneld/store/kube/node.h"

namespace flanneld {
namespace {

constexpr std::chrono::seconds kRetirement(1), kLook(10);

/// What the operator should do about a refusal.
std::string advice(long status, const KubeRequest& request, const KubeAccess& access) {
  if (status == 403)
    return fmt::format("; the ClusterRole of this agent must allow {}",
                       request.rule.empty() ? "this" : request.rule);
  if (status == 401)
    return access.token_file.empty() ? "; are the credentials still valid?"
                                     : fmt::format("; the token in {} is not accepted", access.token_file);
  return "";
}

}  // namespace

std::string url_encoded(std::string_view text) {
  std::string result;
  for (const char one : text)
    if (std::isalnum(static_cast<unsigned char>(one)) != 0 || one == '-' || one == '.' || one == '_')
      result += one;
    else
      fmt::format_to(std::back_inserter(result), "%{:02X}", static_cast<unsigned char>(one));
  return result;
}

struct KubeClient::Connection {
  Connection(EventLoop& loop, KubeAccess how, FileReader read_file)
      : access(std::move(how)),
        http(std::make_shared<HttpClient>(loop, access.http)),
        credentials(loop, access, std::move(read_file)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() = default;

  KubeAccess access;
  std::shared_ptr<HttpClient> http;
  KubeCredentials credentials;
};

class KubeClient::Call {
 public:
  Call(KubeClient& client, KubeRequest request, Done done, OnData on_data)
      : client_(client),
        request_(std::move(request)),
        done_(std::move(done)),
        on_data_(std::move(on_data)),
        begin_(client.loop_, [this] { prepare(); }) {
    begin_.start(std::chrono::milliseconds(0));
  }

 private:
  void prepare() {
    client_.look_for_access();
    connection_ = client_.connection_;
    if (!connection_) return end({.reason = client_.no_access_});
    connection_->credentials.prepare([this, alive = std::weak_ptr<char>(alive_)](const std::string& failure) {
      if (alive.expired()) return;
      if (failure.empty()) return send();
      end({.reason = failure});
    });
  }

  void send() {
    HttpRequest http;
    http.url = fmt::format("{}{}", connection_->access.server, request_.path);
    http.body = request_.patch;
    if (!http.body.empty()) {
      http.method = "PATCH";
      http.content_type = "application/strategic-merge-patch+json";
    }
    http.headers = connection_->credentials.headers();
    http_ = connection_->http;
    if (const TlsFiles& given = connection_->credentials.certificate(); !given.certificate.empty())
      http_->present(given.certificate, given.key);
    http.headers.push_back(fmt::format("Accept: {}", request_.accept));
    http.timeout = request_.limit;
    const auto done = [this](const HttpResult& result) { take(result); };
    exchange_ = on_data_ ? http_->stream(http, on_data_, done) : http_->send(http, done);
  }

  void take(const HttpResult& result) {
    KubeAnswer answer{
        .status = result.status, .body = result.body, .reason = {}, .retry_after = result.retry_after};
    if (result.status == 401) {
      connection_->credentials.refused();
      client_.looked_.reset();
    }
    if (!result.error.empty() || result.status == 0) {
      answer.reason = result.error.empty() ? "no answer" : result.error;
      if (http_ == connection_->http) client_.distrust(*connection_);
    } else if (result.status < 200 || result.status > 299) {
      const KubeStatus status = parse_kube_status(result.body);
      answer.reason = fmt::format("{} (HTTP status {}){}",
                                  status.message.empty() ? "no API server's answer" : status.message,
                                  result.status, advice(result.status, request_, connection_->access));
    }
    if (!answer.reason.empty()) answer.reason = fmt::format("{}: {}", client_.server(), answer.reason);
    end(answer);
  }

  void end(const KubeAnswer& answer) {
    const Done done = std::move(done_);
    done(answer);  // may destroy this
  }

  KubeClient& client_;
  KubeRequest request_;
  Done done_;
  OnData on_data_;
  Timer begin_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<HttpClient> http_;
  HttpClient::ExchangePtr exchange_;
};

void KubeClient::EndCall::operator()(Call* call) const { delete call; }

KubeClient::KubeClient(EventLoop& loop, FindAccess find_access, FileReader read_file)
    : loop_(loop),
      find_access_(std::move(find_access)),
      read_file_(std::move(read_file)),
      retire_timer_(loop, [this] {
        std::erase_if(retired_, [](const auto& one) { return one.use_count() == 1; });
        if (!retired_.empty()) retire_timer_.start(kRetirement);
      }) {
  look_for_access();
}

KubeClient::~KubeClient() = default;

/// A kubeconfig that somebody is just writing does not count.
void KubeClient::look_for_access() {
  const auto now = EventLoop::Clock::now();
  if (connection_ && looked_ && now - *looked_ < kLook) return;
  looked_ = now;
  try {
    KubeAccess access = find_access_();
    if (connection_ && connection_->access == access) return;
    if (connection_) retire(connection_);
    connection_ = std::make_shared<Connection>(loop_, std::move(access), read_file_);
  } catch (const base::ParseError& error) {
    no_access_ = error.what();
  } catch (const base::SystemError& error) {
    no_access_ = error.what();
  }
}

void KubeClient::retire(std::shared_ptr<void> one) {
  retired_.push_back(std::move(one));
  if (!retire_timer_.armed()) retire_timer_.start(kRetirement);
}

KubeClient::CallPtr KubeClient::begin(KubeRequest request, Done done, OnData on_data) {
  return CallPtr(new Call(*this, std::move(request), std::move(done), std::move(on_data)));
}

void KubeClient::distrust() {
  if (connection_) distrust(*connection_);
}

void KubeClient::distrust(Connection& connection) {
  looked_.reset();
  retire(std::exchange(connection.http, std::make_shared<HttpClient>(loop_, connection.access.http)));
}

bool KubeClient::may_start_programs() const { return !connection_ || connection_->access.exec; }

std::string KubeClient::server() const {
  return connection_ ? without_userinfo(connection_->access.server) : "";
}

}  // namespace flanneld
