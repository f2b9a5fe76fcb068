// Programs of the operator's, which the network configuration names: run without a shell, beside the event
// loop, for 30 seconds at most.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "flanneld/backend/plan.h"
#include "flanneld/io/child.h"
#include "flanneld/io/event_loop.h"

namespace flanneld {

struct CommandResult {
  std::string output;                  ///< stdout and stderr, without white space at both ends
  std::optional<std::string> failure;  ///< why it did not succeed; nullopt: it did
  bool is_forbidden = false;           ///< this process may not start programs any more
};

/// One run of a command. Destroying it kills the program and calls nothing.
class CommandRun {
 public:
  using Done = std::function<void(const CommandResult&)>;

  /// `done` is called once, from the loop, and may destroy this object. More output than `max_output` bytes
  /// is a failure.
  CommandRun(EventLoop& loop, const PlannedCommand& command, size_t max_output, Done done);
  CommandRun(const CommandRun&) = delete;
  CommandRun& operator=(const CommandRun&) = delete;

 private:
  void finish(const CommandResult& result);

  Done done_;
  std::unique_ptr<Child> child_;  ///< null: there is no such program
  std::string name_;              ///< of the program
  Timer end_;                     ///< without one
};

/// A command that a step of the agent's start waits for: it is run until it has succeeded once, each second.
class StartupCommand {
 public:
  /// `name` is its key in the configuration. `ended` is called after each run.
  StartupCommand(EventLoop& loop, std::string name, std::function<void()> ended);

  /// nullopt if the command has succeeded, or there is none; otherwise what is waited for.
  std::optional<std::string> run_once(const std::optional<PlannedCommand>& command);

  /// Of the command that has succeeded; nullopt: there is none.
  [[nodiscard]] const std::optional<std::string>& output() const { return output_; }
  /// Why it has not succeeded; nullopt: it has, or runs for the first time.
  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }

 private:
  void start();
  void finish(const CommandResult& result);

  EventLoop& loop_;
  std::string name_;
  std::function<void()> ended_;
  std::optional<PlannedCommand> command_;
  std::optional<std::string> output_, problem_;
  std::unique_ptr<CommandRun> run_;  ///< null: none is under way
  Timer again_;
};

}  // namespace flanneld
