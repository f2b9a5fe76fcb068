#include "flanneld/agent/operator_command.h"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <utility>
#include <vector>

#include "common/base/log.h"
#include "common/base/process.h"
#include "common/base/text.h"
#include "flanneld/io/command_line.h"

namespace flanneld {
namespace {

constexpr std::chrono::seconds kTimeLimit(30), kCommandRetry(1);
constexpr size_t kMaxStartupOutput = 2048;  // it goes into the lease

CommandResult read_result(const ChildResult& child) {
  CommandResult result{.output = std::string(trim_white_space(child.output)), .failure = {}};
  result.is_forbidden = child.error_number == EPERM;
  if (child.error_number != 0) {
    result.failure = child.failure;
  } else if (child.exit_code != 0) {
    const std::string first(base::split(result.output, '\n').front());
    result.failure = fmt::format("exit status {}{}", child.exit_code,
                                 first.empty() ? "" : fmt::format(", {}", base::quoted(first)));
  }
  return result;
}

}  // namespace

CommandRun::CommandRun(EventLoop& loop, const PlannedCommand& command, size_t max_output, Done done)
    : done_(std::move(done)), end_(loop, [this] {
        finish(
            {.output = {}, .failure = fmt::format("there is no program {} in $PATH", base::quoted(name_))});
      }) {
  base::ProcessSpec spec;
  spec.environment = base::environment_with(command.variables);
  spec.arguments = expand_command(command.text, spec.environment);
  if (!spec.arguments.empty()) name_ = spec.arguments.front();
  const char* path = std::getenv("PATH");
  const auto program = find_program(name_, path ? path : "");
  if (!program) {
    end_.start(std::chrono::milliseconds(0));
    return;
  }
  spec.program = *program;
  spec.arguments.erase(spec.arguments.begin());
  spec.input = fmt::format("{}\n", command.input);
  spec.timeout = kTimeLimit;
  spec.max_output_bytes = max_output;
  child_ = std::make_unique<Child>(
      loop, std::move(spec), [this](const ChildResult& result) { finish(read_result(result)); },
      Child::Messages::joined);
}

void CommandRun::finish(const CommandResult& result) {
  const Done done = std::move(done_);
  done(result);  // this object may be gone now
}

StartupCommand::StartupCommand(EventLoop& loop, std::string name, std::function<void()> ended)
    : loop_(loop), name_(std::move(name)), ended_(std::move(ended)), again_(loop, [this] { start(); }) {}

std::optional<std::string> StartupCommand::run_once(const std::optional<PlannedCommand>& command) {
  if (command != command_) {
    run_.reset();
    again_.cancel();
    output_.reset();
    problem_.reset();
    command_ = command;
    if (command_) start();
  }
  if (!command_ || output_) return std::nullopt;
  return problem_ ? problem_ : fmt::format("the end of {} {}", name_, base::quoted(command_->text));
}

void StartupCommand::start() {
  run_ = std::make_unique<CommandRun>(loop_, *command_, kMaxStartupOutput,
                                      [this](const CommandResult& result) { finish(result); });
}

void StartupCommand::finish(const CommandResult& result) {
  run_.reset();
  if (!result.failure) {
    base::log_info(fmt::format("ran {} {}, output: {}", name_, base::quoted(command_->text),
                               base::quoted(result.output)));
    output_ = result.output;
    problem_.reset();
    return ended_();
  }
  const std::string reason =
      fmt::format("{} {}: {}{}", name_, base::quoted(command_->text), *result.failure,
                  result.is_forbidden ? "; flanneld starts no programs once it is ready: restart it" : "");
  if (problem_ != reason) base::log_error(reason);
  problem_ = reason;
  if (!result.is_forbidden) again_.start(kCommandRetry);
  ended_();
}

}  // namespace flanneld
