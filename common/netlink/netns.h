// Network namespaces: opening one by path, and being inside for a moment.
#pragma once

#include <optional>
#include <string>

#include "common/base/unique_fd.h"

namespace netlink {

/// Being inside a namespace. The destructor returns home, or aborts the program: going on in the
/// wrong namespace would change a container's or the node's network by mistake.
class NetnsScope {
 public:
  NetnsScope(int inside_fd, const std::string& path);
  NetnsScope(const NetnsScope&) = delete;
  NetnsScope& operator=(const NetnsScope&) = delete;
  ~NetnsScope();

 private:
  base::UniqueFd home_;
};

/// An open, verified network namespace. Holding it keeps the namespace alive.
class Netns {
 public:
  enum class State { present, absent, not_a_namespace };

  struct Lookup;
  /// What `path` names: "absent" also when a part of it is missing. Throws SystemError for other failures.
  static Lookup look_up(const std::string& path);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// For what can only be done from within: opening sockets and reaching /proc/sys/net.
  [[nodiscard]] NetnsScope enter() const { return {fd_.get(), path_}; }

 private:
  Netns(base::UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  base::UniqueFd fd_;
  std::string path_;
};

struct Netns::Lookup {
  State state = State::absent;
  std::optional<Netns> netns;  ///< of a present one
};

}  // namespace netlink
