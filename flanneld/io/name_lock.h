// A lock between the programs of one network namespace, whatever files, processes and mounts they share: an
// abstract Unix socket has a name there, and the kernel gives the name back when its owner ends, however it
// ends.
#pragma once

#include <sys/types.h>

#include <functional>
#include <list>
#include <optional>
#include <string>

#include "common/base/unique_fd.h"
#include "flanneld/io/event_loop.h"

namespace flanneld {

/// Held from the moment it is taken until it is destroyed. Any user can take such a name first, or ask who
/// has it: only those who may do what this process does (root, or the same user; with CAP_NET_ADMIN where
/// that can be seen) count as holders and are told anything.
class NameLock {
 public:
  /// Who holds a lock, or waits for it.
  struct Party {
    pid_t pid = 0;            ///< 0: in a container whose processes cannot be seen from here
    std::string description;  ///< what it says of itself; empty: nothing
    /// "process 4711 (flanneld 1.0, …)".
    [[nodiscard]] std::string str() const;
    bool operator==(const Party&) const = default;
  };
  struct Events {
    std::function<void()> taken;
    /// Another one holds it. Called when that one has said what it is, or nothing for a second.
    std::function<void(const Party& holder)> waits;
    /// It is held here, and others have begun or ceased to wait.
    std::function<void()> waiters_changed;
  };

  NameLock(EventLoop& loop, const std::string& name, std::string description, Events events);
  ~NameLock();
  NameLock(const NameLock&) = delete;
  NameLock& operator=(const NameLock&) = delete;

  /// Takes the lock now, or as soon as its holder ends; `taken` is called before this returns if nobody
  /// holds it. Where strangers have all its names, it counts as taken and the log tells.
  void take();
  [[nodiscard]] bool is_taken() const { return is_taken_; }
  /// One that waits for this process to end; nullopt: none.
  [[nodiscard]] std::optional<Party> find_waiter() const;

 private:
  struct Guest {
    base::UniqueFd fd;
    Party party;
  };
  enum class Found { held, stranger, nobody };

  bool bind_all();
  Found look_at_holder(const std::string& name);
  void follow_holder();
  void lose_holder();
  void listen_on(base::UniqueFd fd);
  void greet(int listening);
  void read_guest(int fd);
  void lose_guest(int fd);
  void drop_all();

  EventLoop& loop_;
  std::string name_, description_;
  Events events_;
  bool is_taken_ = false, has_told_strangers_ = false;
  std::list<base::UniqueFd> listening_;
  std::list<Guest> guests_;
  base::UniqueFd holder_fd_;
  Party holder_;
  Timer again_;
};

}  // namespace flanneld
