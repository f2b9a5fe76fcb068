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

std::string repair_text(const Repair& repair) {
  switch (repair.kind) {
    case Repair::Kind::set_sysctl:
      return fmt::format("sysctl -w {}={}", repair.object, repair.value);
    case Repair::Kind::set_link_up:
      return fmt::format("ip link set {} up", repair.object);
    case Repair::Kind::remove_link:
      return fmt::format("ip link delete {}", repair.object);
  }
  return "";
}

std::string findings_json(const std::vector<Finding>& findings) {
  json::OrderedValue checks = json::OrderedValue::array();
  for (const Finding& one : findings) {
    checks.push_back({{"state", state_name(one.state)},
                      {"name", one.name},
                      {"finding", one.finding},
                      {"advice", one.advice}});
    for (const Repair& repair : one.repairs) checks.back()["repairs"].push_back(repair_text(repair));
  }
  // What was read from files may be any bytes.
  const json::OrderedValue report{{"checks", checks}};
  return fmt::format("{}\n", report.dump(2, ' ', false, json::OrderedValue::error_handler_t::replace));
}

}  // namespace flanneld
