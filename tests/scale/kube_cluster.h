// The Nodes of the API double, the history of their changes, and what was asked of it: in memory that
// outlives the server, as etcd's contents outlive an API server.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/unique_fd.h"
#include "flanneld/io/event_loop.h"
#include "tests/scale/meter.h"

namespace scale {

struct KubeContent;

class KubeCluster {
 public:
  struct Change {
    enum class Kind : uint8_t { added, modified, deleted };
    Kind kind;
    uint64_t version;
    uint32_t node;
  };

  /// Empty, in memory of its own that child processes inherit. Throws SystemError.
  KubeCluster();
  /// The one of a parent process. Throws SystemError.
  explicit KubeCluster(int descriptor);
  KubeCluster(const KubeCluster&) = delete;
  KubeCluster& operator=(const KubeCluster&) = delete;
  ~KubeCluster();

  [[nodiscard]] int descriptor() const { return memory_.get(); }

  /// As many Nodes as there are podCIDRs, none with annotations. Throws std::runtime_error for too many.
  void fill(const std::vector<base::IpNet>& pod_cidrs);
  /// Drops the history of all changes so far.
  void forget();

  [[nodiscard]] uint32_t size() const;
  [[nodiscard]] uint64_t version() const;
  /// Changes before this version are not known any more.
  [[nodiscard]] uint64_t oldest() const;
  static std::string name(uint32_t node);
  /// size() for a name that no Node has.
  [[nodiscard]] uint32_t find(const std::string& name) const;

  /// The Node as JSON.
  enum class Form { whole, metadata };
  [[nodiscard]] std::string node(uint32_t node, Form form) const;
  /// As it was made by one of changes(), which tells its place there.
  [[nodiscard]] std::string node_then(size_t change, Form form) const;
  [[nodiscard]] size_t changes() const;
  [[nodiscard]] Change change(size_t at) const;
  /// Merges a patch of annotations or conditions. True: it has changed something, which is the last change
  /// now. Throws nlohmann's exceptions, and std::runtime_error for what does not fit.
  bool patch(uint32_t node, const std::string& patch);
  /// Another machine takes the Node's place, which is deleted and made anew: two changes.
  void replace(uint32_t node);

  /// Notes a request, of now.
  void ask(Ask what);
  /// Hands on the requests since the last call.
  void drain(const std::function<void(Ask, flanneld::EventLoop::Clock::time_point)>& take);

 private:
  struct Memory;
  void map();
  void note(Change::Kind kind, uint32_t node, KubeContent next);

  base::UniqueFd memory_;
  Memory* all_ = nullptr;
  uint64_t drained_ = 0;
};

}  // namespace scale
