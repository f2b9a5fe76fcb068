// subnet.env from its first write to the agent's end: without it no pod can be made, so one that somebody
// removes is written again at once. One that somebody changes is left to him. inotify(7).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/base/unique_fd.h"
#include "common/flannel/subnet_env.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/kernel/heal.h"

namespace flanneld {

class SubnetFileWatch {
 public:
  /// `changed` is called when problem() or repairs() says something else. Heal::no: what is gone is told of.
  SubnetFileWatch(EventLoop& loop, std::string path, Heal heal, std::function<void()> changed);
  SubnetFileWatch(const SubnetFileWatch&) = delete;
  SubnetFileWatch& operator=(const SubnetFileWatch&) = delete;
  ~SubnetFileWatch();

  /// Writes the file unless it says so already, and watches it from now on. Returns whether it was written.
  /// Throws SystemError.
  bool write(const flannel::SubnetEnv& env);

  /// Why the node has none; nullopt: it has one, or need not have one yet.
  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }
  /// How often it was written again.
  [[nodiscard]] uint64_t repairs() const { return repairs_; }

 private:
  /// Its directory is watched, as one that is gone cannot be. Logs what keeps it from that.
  void watch();
  void unwatch();
  void read_events();
  void look();
  void tell(std::optional<std::string> problem);

  EventLoop& loop_;
  std::string path_;
  Heal heal_;
  std::function<void()> changed_;
  std::optional<flannel::SubnetEnv> env_;  ///< that was written
  std::optional<std::string> problem_;
  uint64_t repairs_ = 0;
  base::UniqueFd inotify_;  ///< open: the directory is watched, or was when its last event came
  Timer retry_;
};

}  // namespace flanneld
