// HTTP requests on the event loop, over libcurl. Nothing blocks. No redirect is followed, and a proxy is used
// only if one is asked for. What an answer means is for the caller to decide.
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

/// Paths of PEM files; empty: none. The server of an https URL is always verified, by the system's
/// authorities if there is no `ca`.
struct TlsFiles {
  std::string ca, certificate, key;
  bool operator==(const TlsFiles&) const = default;
};

/// How a client reaches its servers.
struct HttpSettings {
  TlsFiles files = {};
  TlsFiles texts = {};           ///< PEM texts themselves; each goes before its file
  bool verifies = true;          ///< false: any server of an https URL will do
  std::string server_name = {};  ///< in the servers' certificates; empty: the host of the URL
  std::string proxy = {};        ///< its URL; empty: none
  std::string user_agent = {};
  bool takes_gzip = false;
  bool speaks_http2 = false;  ///< where a server of an https URL does
  bool operator==(const HttpSettings&) const = default;
};

struct HttpRequest {
  std::string url;
  std::string body = {};    ///< empty: none
  std::string method = {};  ///< empty: POST with a body, GET without
  std::string content_type = "application/json";
  std::vector<std::string> headers = {};
  std::chrono::milliseconds timeout{0};  ///< for the whole exchange; 0: for connecting only, 3 s
  size_t most_bytes = 16 << 20;          ///< of the answer, or of what a stream sends at once
};

struct HttpResult {
  long status = 0;                      ///< 0: there was no answer, and `error` says why
  std::string body = {};                ///< of a stream: what was not given to `on_data` yet
  std::string error = {};               ///< also set when an answer broke off
  std::chrono::seconds retry_after{0};  ///< what the server asked for; 0: nothing
  bool is_too_long = false;             ///< the answer has more bytes than were allowed, an error
};

class HttpClient {
 public:
  using Done = std::function<void(const HttpResult&)>;
  using OnData = std::function<void(std::string_view bytes)>;

  HttpClient(EventLoop& loop, HttpSettings settings);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// One request and its answer. Destroying it ends it without another call. Must not outlive the client.
  class Exchange;
  struct EndExchange {
    void operator()(Exchange* exchange) const;
  };
  using ExchangePtr = std::unique_ptr<Exchange, EndExchange>;

  /// The PEM texts of the client certificate and key that exchanges begun from now on present.
  void present(const std::string& certificate, const std::string& key);

  /// Calls `done` from the loop.
  ExchangePtr send(const HttpRequest& request, Done done);
  /// The same for an answer without an end: `on_data` gets the bytes as they arrive while the status is 200,
  /// and `done` is called at the end. Both may destroy the exchange.
  ExchangePtr stream(const HttpRequest& request, OnData on_data, Done done);

 private:
  struct Multi;
  ExchangePtr begin(const HttpRequest& request, OnData on_data, Done done);
  std::unique_ptr<Multi> multi_;
};

}  // namespace flanneld
