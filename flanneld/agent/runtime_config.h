// The container runtime's network configuration: where it is, the runtime takes the node for ready and has
// its pods' network made. So it comes last.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "flanneld/io/event_loop.h"
#include "flanneld/options/options.h"

namespace flanneld {

class RuntimeConfig {
 public:
  /// `changed` is called when problem() has changed.
  RuntimeConfig(EventLoop& loop, const Options& options, std::function<void()> changed);

  /// The node is ready for pods: puts --cni-conf in place, if one is asked for, and from now on again within
  /// a minute when its source has changed or somebody has removed it.
  void start();

  /// Looks now whether its source has changed, if start() was called.
  void look_again();

  /// Why it is not in place, or what the runtime makes of others beside it; nullopt: all is well.
  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }

 private:
  void put();

  const Options& options_;
  std::function<void()> changed_;
  std::optional<std::string> problem_;
  Timer timer_;
};

}  // namespace flanneld
