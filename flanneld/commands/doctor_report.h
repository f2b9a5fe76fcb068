// The findings of `flanneld doctor` and how they are printed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flanneld {

/// The outcome of one check.
struct Finding {
  enum class State : uint8_t { ok, warn, fail } state = State::ok;
  std::string name = {};     ///< what was checked
  std::string finding = {};  ///< what was seen
  std::string advice = {};   ///< what to do; empty when there is nothing to do
  bool operator==(const Finding&) const = default;
};

/// One line per finding.
std::string findings_text(const std::vector<Finding>& findings);
/// {"checks": [{"state", "name", "finding", "advice"}]}; bytes that are not UTF-8 are replaced.
std::string findings_json(const std::vector<Finding>& findings);

}  // namespace flanneld
