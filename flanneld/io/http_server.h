// The HTTP servers for people and probes: GET only, nothing can be changed through them, and nobody keeps
// others away (guests.h). Knows no agent.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "flanneld/io/event_loop.h"
#include "flanneld/io/listen_address.h"

namespace flanneld {

struct HttpAnswer {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string content_policy = {};  ///< Content-Security-Policy; empty: none
};

class StatusServer {
 public:
  /// Answers by the path of a request, without its query.
  using Handler = std::function<HttpAnswer(const std::string& path)>;

  /// Listens at once; serves on the loop until destroyed. Each connection gets one answer. A request that
  /// calls the server by a foreign name (host_check.h) is refused. Throws SystemError naming the address.
  StatusServer(EventLoop& loop, const ListenAddress& address, Handler handler);
  ~StatusServer();
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;

 private:
  class Daemon;
  std::unique_ptr<Daemon> daemon_;
};

}  // namespace flanneld
