// What the tests of options share.
#pragma once

#include <string>
#include <vector>

#include "flanneld/options/options.h"
#include "tests/unit/flanneld/test_support.h"

namespace flanneld_test {

/// Options of a command line and an environment, without a file.
inline flanneld::Options parse(const std::vector<std::string>& arguments,
                               const flanneld::Environment& environment = {}) {
  return flanneld::parse_options(arguments, environment, [](const std::string&) { return std::nullopt; });
}

/// Options with `text` as the file f.yaml of --config.
inline flanneld::Options parse_file(const std::string& text, const std::vector<std::string>& more = {},
                                    const flanneld::Environment& environment = {}) {
  std::vector<std::string> arguments{"--config=f.yaml"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return flanneld::parse_options(arguments, environment, [&](const std::string& path) {
    return path == "f.yaml" ? std::optional(text) : std::nullopt;
  });
}

/// The text of the UsageError that `action` throws; empty if it throws none.
template <class Action>
std::string usage_error(Action&& action) {
  try {
    action();
  } catch (const flanneld::UsageError& error) {
    return error.what();
  }
  return "";
}

}  // namespace flanneld_test
