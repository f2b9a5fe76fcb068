// HTTP requests on the event loop, over libcurl. Nothing blocks, and nothing is decided here about what an
// answer means. No redirect is followed and no proxy is used.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "flanneld/io/event_loop.h"

namespace flanneld {

/// Paths of PEM files; empty: none. A server of https:// is always verified, by the system's authorities
/// when there is no `ca`.
struct TlsFiles {
  std::string ca, certificate, key;
};

struct HttpRequest {
  std::string url;
  std::string body;  ///< sent by POST; empty: GET
  std::vector<std::string> headers;
  std::chrono::milliseconds timeout{0};  ///< for the whole exchange; 0: none, but for connecting
};

struct HttpResult {
  long status = 0;    ///< 0: there was no answer, and `error` says why
  std::string body;   ///< of a stream: what came before its end was told piece by piece
  std::string error;  ///< also set when an answer broke off
};

class HttpClient {
 public:
  using Done = std::function<void(const HttpResult&)>;
  using OnData = std::function<void(std::string_view bytes)>;

  HttpClient(EventLoop& loop, TlsFiles tls);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// One exchange; destroying it ends it, and then nothing more is called. It must not outlive the client.
  class Exchange;
  struct EndExchange {
    void operator()(Exchange* exchange) const;
  };
  using ExchangePtr = std::unique_ptr<Exchange, EndExchange>;

  /// Calls `done` from the loop. An answer of more than 16 MiB is an error.
  ExchangePtr send(const HttpRequest& request, Done done);
  /// The same for an answer without an end: `on_data` gets what arrives while the status is 200, `done` the
  /// end of it. Both may destroy the exchange.
  ExchangePtr stream(const HttpRequest& request, OnData on_data, Done done);

 private:
  struct Multi;
  ExchangePtr begin(const HttpRequest& request, OnData on_data, Done done);
  std::unique_ptr<Multi> multi_;
};

}  // namespace flanneld
