// Work on files beside the event loop: a disk or a server of files that hangs must not stop the agent.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "flanneld/io/event_loop.h"

namespace flanneld {

/// One piece of work at a time, each in a thread that ends with it.
class FileWorker {
 public:
  /// Runs in the thread; what it needs it must own, for it may outlive everything else. May throw
  /// std::exception.
  using Work = std::function<void()>;
  /// Called from the event loop with why the work failed; nullptr: it did not.
  using Done = std::function<void(std::exception_ptr failure)>;
  /// Work that lasts longer is told of.
  static constexpr std::chrono::milliseconds kLimit{10'000};

  /// `changed` is called when problem() says something else.
  FileWorker(EventLoop& loop, std::function<void()> changed, std::chrono::milliseconds limit = kLimit);
  /// Gives work that still runs a second to end.
  ~FileWorker();
  FileWorker(const FileWorker&) = delete;
  FileWorker& operator=(const FileWorker&) = delete;

  /// Begins; `doing` names the work for people. There must be no work at hand. Throws SystemError.
  void begin(std::string doing, Work work, Done done);
  [[nodiscard]] bool is_busy() const { return shared_ != nullptr; }
  /// "to write file … has not ended for 10 s"; nullopt: nothing hangs.
  [[nodiscard]] std::optional<std::string> problem() const;

 private:
  struct Shared;
  void finish(const Done& done);

  EventLoop& loop_;
  std::function<void()> changed_;
  std::chrono::milliseconds limit_;
  std::string doing_;
  bool hangs_ = false;
  std::shared_ptr<Shared> shared_;  ///< with the thread; null: none runs
  Timer deadline_;
};

}  // namespace flanneld
