// The agent's pages for probes and people, over HTTP.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/agent/event_ring.h"
#include "flanneld/agent/health.h"
#include "flanneld/agent/status.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/io/http_server.h"
#include "flanneld/options/options.h"

namespace flanneld {

class StatusPages {
 public:
  /// Asked at each request. The whole status is dear with thousands of peers; probes need only the health.
  struct Sources {
    std::function<Health()> health;
    std::function<AgentStatus()> status;
    std::function<const AgentEvents&()> events;
  };
  StatusPages(Sources sources) : sources_(std::move(sources)) {}

  /// Listens where the options say. Throws SystemError; but a --status-listen that is taken is a warning:
  /// several agents may share a node.
  void listen(EventLoop& loop, const Options& options);
  /// Once more, as another agent that had the address has ended or is about to.
  void listen_again();
  /// Why nobody sees the status; nullopt: it is served, or shall not be.
  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }

  /// The page at a path, for --status-listen; the probes' pages alone, for --healthz-port.
  [[nodiscard]] HttpAnswer page(const std::string& path) const;
  [[nodiscard]] HttpAnswer probe(const std::string& path) const;
  [[nodiscard]] HttpAnswer page_for_people() const;

 private:
  void serve(const ListenAddress& address, StatusServer::Handler handler);
  void listen_for_people();

  Sources sources_;
  EventLoop* loop_ = nullptr;             ///< null: listen() has not been called
  std::optional<ListenAddress> address_;  ///< for people; nullopt: none is wanted
  std::optional<Timer> again_;
  int tries_left_ = 0;
  std::vector<std::unique_ptr<StatusServer>> servers_;
  std::optional<std::string> problem_;
};

}  // namespace flanneld
