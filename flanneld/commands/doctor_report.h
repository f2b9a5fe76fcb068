// The findings of `flanneld doctor` and how they are printed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flanneld {

/// What `doctor --fix` can do about a finding itself.
struct Repair {
  enum class Kind : uint8_t {
    set_sysctl,   ///< `object`: "net/ipv4/ip_forward"; to `value`
    set_link_up,  ///< `object`: the link
    remove_link   ///< likewise
  } kind = Kind::set_sysctl;
  std::string object;
  std::string value = {};
  bool operator==(const Repair&) const = default;
};

/// The outcome of one check.
struct Finding {
  enum class State : uint8_t { ok, warn, fail } state = State::ok;
  std::string name = {};     ///< what was checked
  std::string finding = {};  ///< what was seen
  std::string advice = {};   ///< what to do; empty when there is nothing to do
  std::vector<Repair> repairs = {};
  bool operator==(const Finding&) const = default;
};

/// One line per finding.
std::string findings_text(const std::vector<Finding>& findings);
/// The command that does the same by hand.
std::string repair_text(const Repair& repair);
/// {"checks": [{"state", "name", "finding", "advice"}]}, with "repairs" where there are any; bytes that are
/// not UTF-8 are replaced.
std::string findings_json(const std::vector<Finding>& findings);

}  // namespace flanneld
