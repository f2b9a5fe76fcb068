#include "flanneld/commands/doctor_report.h"

#include <fmt/format.h>

#include <iterator>

#include "common/json/json.h"

namespace flanneld {
namespace {

const char* state_name(Finding::State state) {
  switch (state) {
    case Finding::State::ok:
      return "ok";
    case Finding::State::warn:
      return "warn";
    case Finding::State::fail:
      return "fail";
  }
  return "";
}

}  // namespace

std::string findings_text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& one : findings)
    fmt::format_to(std::back_inserter(text), "{:<6}{}: {}{}{}\n", state_name(one.state), one.name,
                   one.finding, one.advice.empty() ? "" : " — ", one.advice);
  return text;
}

std::string findings_json(const std::vector<Finding>& findings) {
  json::OrderedValue checks = json::OrderedValue::array();
  for (const Finding& one : findings)
    checks.push_back({{"state", state_name(one.state)},
                      {"name", one.name},
                      {"finding", one.finding},
                      {"advice", one.advice}});
  // What was read from files may be any bytes.
  const json::OrderedValue report{{"checks", checks}};
  return fmt::format("{}\n", report.dump(2, ' ', false, json::OrderedValue::error_handler_t::replace));
}

}  // namespace flanneld
