// Running another program: bytes in, bytes out, one exit status. No shell is ever involved.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace base {

struct ProcessResult {
  int exit_code = 0;   ///< 0..255; 128 + signal number when a signal ended it, as shells count
  std::string output;  ///< all that it wrote to stdout
};

struct ProcessSpec {
  std::string program;                   ///< path of the executable
  std::vector<std::string> arguments;    ///< without argv[0]
  std::vector<std::string> environment;  ///< "NAME=value"; replaces the whole environment
  std::string_view input;                ///< fed to stdin
  unsigned timeout_seconds = 100;        ///< then it is killed
  size_t max_output_bytes = 4 << 20;     ///< more than this ends it as well
};

/// Runs a program to its end. stderr is inherited. The child dies with its parent, so that no work
/// goes on behind a caller that was killed.
/// Throws SystemError: the errno of exec, ETIMEDOUT, EFBIG for too much output.
ProcessResult run_process(const ProcessSpec& spec);

/// This process' environment with `NAME=value` entries of `overrides` put in place of their namesakes.
std::vector<std::string> environment_with(const std::vector<std::string>& overrides);

}  // namespace base
