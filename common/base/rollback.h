// Undo stack for operations of several steps.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace base {

/// Runs the pushed steps last-first when destroyed, unless commit() was called.
/// A step that throws does not keep the others from running: its error is dropped, because the
/// error that caused the rollback is the one to report.
class Rollback {
 public:
  Rollback() = default;
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() {
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
      try {
        (*step)();
      } catch (...) {  // see the class comment
      }
    }
  }

  void push(std::function<void()> step) { steps_.push_back(std::move(step)); }
  void commit() noexcept { steps_.clear(); }

 private:
  std::vector<std::function<void()>> steps_;
};

}  // namespace base
