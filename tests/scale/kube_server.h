// An API server of Kubernetes as far as flanneld's store asks of one: Nodes, read, listed, watched and
// patched, over HTTP/1.1. tests/support/kube-api.py can do more, and this one thousands of clients.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/unique_fd.h"
#include "flanneld/io/event_loop.h"
#include "tests/scale/kube_cluster.h"

namespace scale {

class KubeServer {
 public:
  /// Serves from now on, at every address. Throws SystemError. The others must outlive it.
  KubeServer(flanneld::EventLoop& loop, KubeCluster& cluster, uint16_t port);

 private:
  using Clock = flanneld::EventLoop::Clock;
  using Form = KubeCluster::Form;
  using Text = std::shared_ptr<const std::string>;
  struct Client {
    base::UniqueFd fd;
    std::string in;                       ///< of the next request
    std::deque<Text> out;                 ///< what it has not been sent yet
    size_t sent = 0;                      ///< of the first of them
    bool watches = false, waits = false;  ///< `waits` for its connection to take more
    Form form = Form::whole;
    Clock::time_point watch_ends;
  };
  struct Request {
    std::string_view method, path, query, accept, body;
    [[nodiscard]] std::string parameter(std::string_view name) const;
    [[nodiscard]] Form form() const;
  };
  /// The list of all Nodes as it was a moment ago.
  struct Snapshot {
    uint64_t version = 0;
    Clock::time_point made;
    Text answer;  ///< with the head before it
  };

  void accept_all();
  void ready(int fd, uint32_t events);
  /// False: it is gone, or makes no sense.
  bool read(Client& client);
  /// Takes one whole request from what has come. False: there is none, or no sense in it.
  bool take_request(Client& client);
  void serve(Client& client, const Request& request);
  void read_one(Client& client, const Request& request, const std::string& name);
  void patch(Client& client, const Request& request, const std::string& name);
  void list(Client& client, const Request& request);
  void list_page(Client& client, const Request& request, uint32_t limit);
  void list_all(Client& client, uint64_t at_least);
  void watch(Client& client, const Request& request);
  void replace(Client& client, const std::string& name);
  /// To all who watch: the last ones that the cluster knows.
  void tell_changes(size_t count);
  [[nodiscard]] Text event(size_t change, Form form) const;
  void tick();

  void answer(Client& client, int status, std::string_view body);
  void refuse(Client& client, int status, std::string_view reason);
  void send(Client& client, Text text);
  /// What the connection takes now; the rest when it can.
  void flush(Client& client);
  void close(int fd);

  flanneld::EventLoop& loop_;
  KubeCluster& cluster_;
  base::UniqueFd listener_;
  std::map<int, Client> clients_;
  Snapshot snapshot_;
  flanneld::Timer tick_;
};

/// Serves until the process is killed.
void run_kube_server(int memory, uint16_t port);

}  // namespace scale
