// Running another program: bytes in, bytes out, one exit status. No shell is ever involved.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace base {

struct ProcessResult {
  int exit_code = 0;   ///< 0..255; 128 + signal number when a signal ended it, as shells count
  std::string output;  ///< all that it wrote to stdout
};

struct ProcessSpec {
  std::string program;                         ///< path of the executable
  std::vector<std::string> arguments;          ///< without argv[0]
  std::vector<std::string> environment;        ///< "NAME=value"; replaces the whole environment
  std::string input;                           ///< what it reads from stdin
  std::chrono::milliseconds timeout{100'000};  ///< from its start; then it is killed
  size_t max_output_bytes = 4 << 20;           ///< more than this ends it as well
};

/// A program that runs beside this one until finish() takes its answer. It inherits stderr; its signals
/// are neither blocked nor handled. It dies with this process, so that no work goes on behind a caller
/// that was killed, and with this object.
class Process {
 public:
  /// Returns without waiting for the program to be loaded: finish() tells when it could not be.
  /// Throws SystemError when there is no process or pipe to be had.
  static Process start(ProcessSpec spec);

  Process(Process&&) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  /// Waits for the program's end. Call once.
  /// Throws SystemError: the errno of exec, ETIMEDOUT, EFBIG for too much output.
  ProcessResult finish();

 private:
  friend ProcessResult run_process(ProcessSpec spec);
  struct Running;
  explicit Process(std::unique_ptr<Running> running);
  std::unique_ptr<Running> running_;
};

/// Runs a program to its end. Throws as start() and finish() do.
ProcessResult run_process(ProcessSpec spec);

/// This process' environment with `NAME=value` entries of `overrides` put in place of their namesakes.
std::vector<std::string> environment_with(const std::vector<std::string>& overrides);

}  // namespace base
