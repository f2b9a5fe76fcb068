// Reads whole Nodes, whose podCIDRs the events do not show. All nodes of a cluster read the same ones at the
// same time: so few at once, each after a random pause, and from the server's cache.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "flanneld/io/event_loop.h"
#include "flanneld/store/kube/client.h"
#include "flanneld/store/kube/node.h"

namespace flanneld {

class NodeFetcher {
 public:
  using Found = std::function<void(const KubeNode&)>;

  /// `prefix`: what the names of the annotations begin with. The client must outlive it.
  NodeFetcher(EventLoop& loop, KubeClient& client, std::string prefix, Found found)
      : loop_(loop), client_(client), prefix_(std::move(prefix)), found_(std::move(found)) {}

  /// Reads that Node until it is had, in no older a state than `version`. `nodes`: how many others may do so.
  void fetch(const std::string& name, const std::string& version, int64_t nodes);
  /// Not any more.
  void forget(const std::string& name);
  void forget_all();
  /// Those that are not had yet.
  [[nodiscard]] size_t size() const { return running_.size() + waiting_.size(); }

 private:
  struct Fetch {
    std::string version;
    std::unique_ptr<Timer> pause;
    KubeClient::CallPtr call;
  };

  void start_next();
  void pause(const std::string& name, const std::string& version, std::chrono::milliseconds least);
  void begin(const std::string& name);
  void take(const std::string& name, const KubeAnswer& answer);

  EventLoop& loop_;
  KubeClient& client_;
  std::string prefix_;
  Found found_;
  int64_t nodes_ = 0;
  std::map<std::string, Fetch> running_;        ///< by name
  std::map<std::string, std::string> waiting_;  ///< the versions that are wanted, by name
};

}  // namespace flanneld
