// The HTTP servers for people and probes: GET only, nothing can be changed through them. Knows no agent.
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
};

class StatusServer {
 public:
  /// Answers by the path of a request, without its query.
  using Handler = std::function<HttpAnswer(const std::string& path)>;

  /// Listens at once; serves on the loop until destroyed. Throws SystemError naming the address.
  StatusServer(EventLoop& loop, const ListenAddress& address, Handler handler);
  ~StatusServer();
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;

 private:
  struct Daemon;
  std::unique_ptr<Daemon> daemon_;
};

}  // namespace flanneld
