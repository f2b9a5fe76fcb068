#include "flanneld/io/http_client.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <set>

#include "common/base/error.h"
#include "flanneld/io/curl.h"
#include "flanneld/io/url.h"

namespace flanneld {
namespace {

constexpr long kConnectMilliseconds = 3000;
constexpr long kKeepSeconds = 600;

}  // namespace

class HttpClient::Exchange {
 public:
  Exchange(Multi& owner, const HttpRequest& request, const HttpSettings& settings, OnData data,
           Done finished);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  static size_t take(char* bytes, size_t size, size_t count, void* context) noexcept;
  [[nodiscard]] long status() const {
    long code = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &code);
    return code;
  }

  void secure(const HttpSettings& settings);
  /// Asks for `name` in the certificate, at the server that the URL names.
  void expect(const std::string& name, const std::string& url);
  template <class Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(easy.get(), option, value);
  }

  Multi& multi;
  EasyPtr easy = make_easy();
  curl_slist* headers = nullptr;
  curl_slist* connect_to = nullptr;
  std::string request_body, body;
  size_t most_bytes;
  bool is_too_long = false;
  std::array<char, CURL_ERROR_SIZE> error{};
  OnData on_data;
  Done done;
};

struct HttpClient::Multi {
  Multi(EventLoop& event_loop, HttpSettings how);
  ~Multi() {
    for (const int fd : sockets) loop.unwatch(fd);
    curl_multi_cleanup(handle);
  }
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;

  static int on_socket(CURL*, curl_socket_t fd, int what, void* context, void*) noexcept;
  static int on_timeout(CURLM*, long delay, void* context) noexcept;
  void act(curl_socket_t fd, int events);
  void deliver();
  void fail_soon(const std::string& reason);
  void fail_all();

  EventLoop& loop;
  HttpSettings settings;
  CURLM* handle = curl_multi_init();
  Timer timer, failure_timer;
  std::string failure;  ///< what failure_timer is about
  std::set<int> sockets;
  std::set<Exchange*> exchanges;
};

HttpClient::Exchange::Exchange(Multi& owner, const HttpRequest& request, const HttpSettings& settings,
                               OnData data, Done finished)
    : multi(owner),
      request_body(request.body),
      most_bytes(request.most_bytes),
      on_data(std::move(data)),
      done(std::move(finished)) {
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_QUICK_EXIT, 1L);  // else a request that is given up would wait for its resolver thread
  set(CURLOPT_CONNECTTIMEOUT_MS, kConnectMilliseconds);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(CURLOPT_WRITEFUNCTION, &take);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_ERRORBUFFER, error.data());
  secure(settings);
  if (!settings.server_name.empty()) expect(settings.server_name, request.url);
  if (!settings.proxy.empty()) {
    set(CURLOPT_PROXY, settings.proxy.c_str());
    set(CURLOPT_NOPROXY, "");
  }
  if (!settings.user_agent.empty()) set(CURLOPT_USERAGENT, settings.user_agent.c_str());
  if (settings.takes_gzip) set(CURLOPT_ACCEPT_ENCODING, "gzip");
  if (settings.speaks_http2) set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  // Without these libcurl would ask for leave to send a long body, and announce a form.
  headers = curl_slist_append(headers, "Expect:");
  headers = curl_slist_append(headers, fmt::format("Content-Type: {}", request.content_type).c_str());
  for (const std::string& header : request.headers) headers = curl_slist_append(headers, header.c_str());
  set(CURLOPT_HTTPHEADER, headers);
  if (!request_body.empty()) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_body.size()));
    set(CURLOPT_POSTFIELDS, request_body.data());
  }
  if (!request.method.empty()) set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  multi.exchanges.insert(this);
  if (const CURLMcode code = curl_multi_add_handle(multi.handle, easy.get()); code != CURLM_OK)
    multi.fail_soon(curl_multi_strerror(code));
}

void HttpClient::Exchange::secure(const HttpSettings& settings) {
  const auto [ca, certificate, key] = settings.files;
  const auto set_text = [&](CURLoption option, const std::string& text) {
    curl_blob blob{const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
    set(option, &blob);
  };
  if (!settings.texts.ca.empty())
    set_text(CURLOPT_CAINFO_BLOB, settings.texts.ca);
  else if (!ca.empty())
    set(CURLOPT_CAINFO, ca.c_str());
  if (!settings.texts.certificate.empty())
    set_text(CURLOPT_SSLCERT_BLOB, settings.texts.certificate);
  else if (!certificate.empty())
    set(CURLOPT_SSLCERT, certificate.c_str());
  if (!settings.texts.key.empty())
    set_text(CURLOPT_SSLKEY_BLOB, settings.texts.key);
  else if (!key.empty())
    set(CURLOPT_SSLKEY, key.c_str());
  // Files may be replaced: they are read again for new connections, and connections are.
  set(CURLOPT_CA_CACHE_TIMEOUT, kKeepSeconds);
  set(CURLOPT_MAXLIFETIME_CONN, kKeepSeconds);
  if (settings.verifies) return;
  set(CURLOPT_SSL_VERIFYPEER, 0L);
  set(CURLOPT_SSL_VERIFYHOST, 0L);
}

/// libcurl has no option for it: the URL gets the name, and the connection is made to the server.
void HttpClient::Exchange::expect(const std::string& name, const std::string& url) {
  const Url server = parse_url(url);
  const size_t path = url.find('/', url.find("://") + 3);
  const std::string rest = path == std::string::npos ? "" : url.substr(path);
  set(CURLOPT_URL, fmt::format("{}://{}:{}{}", server.scheme, name, server.port, rest).c_str());
  connect_to = curl_slist_append(
      connect_to, fmt::format("{}:{}:{}:{}", name, server.port, server.host, server.port).c_str());
  set(CURLOPT_CONNECT_TO, connect_to);
  headers = curl_slist_append(headers, fmt::format("Host: {}:{}", server.host, server.port).c_str());
}

HttpClient::Exchange::~Exchange() {
  multi.exchanges.erase(this);
  curl_multi_remove_handle(multi.handle, easy.get());
  easy.reset();  // before what it refers to
  curl_slist_free_all(headers);
  curl_slist_free_all(connect_to);
}

size_t HttpClient::Exchange::take(char* bytes, size_t size, size_t count, void* context) noexcept {
  auto& exchange = *static_cast<Exchange*>(context);
  exchange.is_too_long = exchange.body.size() + size * count > exchange.most_bytes;
  if (exchange.is_too_long) return 0;  // ends the transfer with an error
  exchange.body.append(bytes, size * count);
  return size * count;
}

HttpClient::Multi::Multi(EventLoop& event_loop, HttpSettings how)
    : loop(event_loop),
      settings(std::move(how)),
      timer(event_loop, [this] { act(CURL_SOCKET_TIMEOUT, 0); }),
      failure_timer(event_loop, [this] { fail_all(); }) {
  if (!handle) throw base::SystemError(ENOMEM, "prepare the HTTP client");
  curl_multi_setopt(handle, CURLMOPT_SOCKETFUNCTION, &on_socket);
  curl_multi_setopt(handle, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(handle, CURLMOPT_TIMERFUNCTION, &on_timeout);
  curl_multi_setopt(handle, CURLMOPT_TIMERDATA, this);
}

int HttpClient::Multi::on_socket(CURL*, curl_socket_t fd, int what, void* context, void*) noexcept {
  auto& multi = *static_cast<Multi*>(context);
  if (what == CURL_POLL_REMOVE) {
    multi.loop.unwatch(fd);
    multi.sockets.erase(fd);
    return 0;
  }
  const uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
  try {
    multi.loop.watch(fd, events, [&multi, fd](uint32_t ready) {
      multi.act(fd, (ready & EPOLLIN ? CURL_CSELECT_IN : 0) | (ready & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                        (ready & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
    });
    multi.sockets.insert(fd);
  } catch (const std::exception&) {
    return -1;  // act() hears of it
  }
  return 0;
}

int HttpClient::Multi::on_timeout(CURLM*, long delay, void* context) noexcept {
  auto& multi = *static_cast<Multi*>(context);
  if (delay < 0)
    multi.timer.cancel();
  else
    multi.timer.start(std::chrono::milliseconds(delay));
  return 0;
}

void HttpClient::Multi::act(curl_socket_t fd, int events) {
  int running = 0;
  const CURLMcode code = curl_multi_socket_action(handle, fd, events, &running);
  if (code != CURLM_OK) fail_soon(curl_multi_strerror(code));
  deliver();
}

/// Not from within a call, which is not prepared for its end.
void HttpClient::Multi::fail_soon(const std::string& reason) {
  failure = reason;
  failure_timer.start(std::chrono::milliseconds(0));
}

/// A handle of libcurl's that has failed once drives nothing any more until it holds no transfer.
void HttpClient::Multi::fail_all() {
  const std::set<Exchange*> now = exchanges;
  for (const Exchange* exchange : now) curl_multi_remove_handle(handle, exchange->easy.get());
  for (Exchange* exchange : now) {
    if (!exchanges.contains(exchange)) continue;
    const Done done = std::move(exchange->done);
    if (done)
      done({.error = fmt::format("the HTTP client has failed: {}", failure)});  // may destroy the exchange
  }
}

/// Tells of what has arrived, outside of libcurl's callbacks: a listener may end exchanges and begin others.
void HttpClient::Multi::deliver() {
  const std::set<Exchange*> now = exchanges;
  for (Exchange* exchange : now) {
    if (!exchanges.contains(exchange) || !exchange->on_data || exchange->body.empty()) continue;
    if (exchange->status() != 200) continue;  // the body of an error is for `done`
    const std::string bytes = std::exchange(exchange->body, {});
    const OnData on_data = exchange->on_data;
    on_data(bytes);
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(handle, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    Exchange* exchange = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
    HttpResult result{exchange->status(), std::move(exchange->body), {}};
    curl_off_t pause = 0;
    curl_easy_getinfo(exchange->easy.get(), CURLINFO_RETRY_AFTER, &pause);
    result.retry_after = std::chrono::seconds(pause);
    result.is_too_long = exchange->is_too_long;
    if (exchange->is_too_long)
      result.error = fmt::format("the answer is longer than {} bytes", exchange->most_bytes);
    else if (code != CURLE_OK)
      result.error = exchange->error[0] != '\0' ? exchange->error.data() : curl_easy_strerror(code);
    const Done done = std::move(exchange->done);
    done(result);  // may destroy the exchange
  }
}

HttpClient::HttpClient(EventLoop& loop, HttpSettings settings)
    : multi_(std::make_unique<Multi>(loop, std::move(settings))) {}

HttpClient::~HttpClient() = default;

void HttpClient::EndExchange::operator()(Exchange* exchange) const { delete exchange; }

void HttpClient::present(const std::string& certificate, const std::string& key) {
  multi_->settings.texts.certificate = certificate;
  multi_->settings.texts.key = key;
}

HttpClient::ExchangePtr HttpClient::begin(const HttpRequest& request, OnData on_data, Done done) {
  return ExchangePtr(new Exchange(*multi_, request, multi_->settings, std::move(on_data), std::move(done)));
}

HttpClient::ExchangePtr HttpClient::send(const HttpRequest& request, Done done) {
  return begin(request, nullptr, std::move(done));
}

HttpClient::ExchangePtr HttpClient::stream(const HttpRequest& request, OnData on_data, Done done) {
  return begin(request, std::move(on_data), std::move(done));
}

}  // namespace flanneld
