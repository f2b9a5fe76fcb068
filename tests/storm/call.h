// One call of a program, which may be killed at some moment.
#pragma once

#include <string>
#include <vector>

namespace storm {

struct Call {
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::string input;
  int kill_after_us = -1;  ///< then it gets SIGKILL, with the programs that it has started; negative: never
};

struct Outcome {
  bool killed = false;
  bool succeeded = false;
  std::string output;
};

/// Runs it to its end and, when it was killed, to that of its children.
Outcome run(const Call& call);

}  // namespace storm
