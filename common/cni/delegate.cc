#include "common/cni/delegate.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "common/base/error.h"
#include "common/cni/error.h"

namespace cni {
namespace {

constexpr size_t kMaxQuotedOutput = 300;

/// Path of the plugin or empty.
std::string search(const std::string& type, const std::string& path) {
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find(':', at), path.size());
    std::string candidate = fmt::format("{}/{}", path.substr(at, end - at), type);
    struct stat status {};
    if (end > at && ::stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode)) return candidate;
    at = end + 1;
  }
  return {};
}

void check_type(const std::string& type) {
  if (type.empty() || type.find_first_of(std::string_view("/\0", 2)) != std::string::npos || type == "." ||
      type == "..")
    throw Error(ErrorCode::invalid_config,
                fmt::format("plugin type '{}' is not a plain program name", type.substr(0, 64)));
}

/// The error object that a failed plugin printed, if it did.
Error reported_error(const std::string& type, const base::ProcessResult& result) {
  try {
    const json::Value object = json::parse(result.output, "its output");
    const auto code = json::get_integer(object, "code", "", 0, UINT32_MAX);
    if (code)
      return {static_cast<ErrorCode>(*code), json::get_string(object, "msg", ""),
              json::get_string(object, "details", "")};
  } catch (const base::ParseError&) {  // not an error object: told below
  }
  const std::string ending = result.exit_code > 128
                                 ? fmt::format("signal {} ended it", result.exit_code - 128)
                                 : fmt::format("it ended with status {}", result.exit_code);
  return {ErrorCode::delegate_failed,
          fmt::format("plugin '{}' failed without an error object: {}", type, ending),
          result.output.empty() ? "it printed nothing; what it wrote to stderr is in the runtime's log"
                                : fmt::format("it printed: {}", result.output.substr(0, kMaxQuotedOutput))};
}

/// The caller's variables, but for the verb and the attachment: GC asks for the DEL of attachments that are
/// not its own.
std::vector<std::string> environment_for(const std::string& command, const Request& request) {
  std::vector<std::string> variables{fmt::format("CNI_COMMAND={}", command)};
  if (!request.attachment.container_id.empty()) {
    variables.push_back(fmt::format("CNI_CONTAINERID={}", request.attachment.container_id));
    variables.push_back(fmt::format("CNI_IFNAME={}", request.attachment.ifname));
    variables.push_back(fmt::format("CNI_NETNS={}", request.netns));
  }
  return base::environment_with(variables);
}

base::ProcessSpec make_spec(const std::string& type, const std::string& command, const Request& request) {
  return {.program = find_plugin(type, request),
          .arguments = {},
          .environment = environment_for(command, request),
          .input = request.config.dump(-1, ' ', false, json::Value::error_handler_t::replace)};
}

/// Turns the failures of starting and ending a program into Errors that name the plugin and the verb.
template <class Action>
auto judge_failures(const std::string& type, const std::string& command, Action&& action) {
  try {
    return action();
  } catch (const base::SystemError& error) {
    const bool is_written = error.error_number() == ETXTBSY;
    const bool passes = is_written || error.error_number() == ETIMEDOUT;
    throw Error(passes ? ErrorCode::try_again_later : ErrorCode::delegate_failed,
                fmt::format("plugin '{}', {}: {}", type, command, error.what()),
                is_written ? "the file is being written just now" : "");
  }
}

json::OrderedValue read_answer(const std::string& type, const std::string& command,
                               const base::ProcessResult& result) {
  if (result.exit_code != 0) throw reported_error(type, result);
  if (result.output.find_first_not_of(" \t\r\n") == std::string::npos) return nullptr;
  try {
    json::check_depth(result.output, fmt::format("the answer of plugin '{}'", type));
    return json::OrderedValue::parse(result.output);
  } catch (const json::OrderedValue::exception&) {
    throw Error(ErrorCode::decoding_failure,
                fmt::format("plugin '{}', {}: its answer is not valid JSON", type, command),
                fmt::format("it printed: {}", result.output.substr(0, kMaxQuotedOutput)));
  }
}

}  // namespace

std::string find_plugin(const std::string& type, const Request& request) {
  check_type(type);
  std::string found = search(type, request.path);
  if (found.empty())
    throw Error(ErrorCode::invalid_config,
                fmt::format("failed to find plugin \"{}\" in path [{}]", type, request.path),
                "install it there, or name another type in the network configuration");
  return found;
}

bool has_plugin(const std::string& type, const Request& request) {
  return !search(type, request.path).empty();
}

RunningPlugin RunningPlugin::start(const std::string& type, const std::string& command,
                                   const Request& request) {
  base::ProcessSpec spec = make_spec(type, command, request);
  return judge_failures(type, command,
                        [&] { return RunningPlugin(type, command, base::Process::start(std::move(spec))); });
}

json::OrderedValue RunningPlugin::finish() {
  return read_answer(type_, command_, judge_failures(type_, command_, [&] { return process_.finish(); }));
}

json::OrderedValue run_delegate(const std::string& type, const std::string& command, const Request& request) {
  base::ProcessSpec spec = make_spec(type, command, request);
  return read_answer(type, command,
                     judge_failures(type, command, [&] { return run_process(std::move(spec)); }));
}

}  // namespace cni
