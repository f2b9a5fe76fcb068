#include "common/cni/delegate.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "common/base/error.h"
#include "common/base/process.h"
#include "common/cni/error.h"

namespace cni {
namespace {

/// Path of the plugin or empty.
std::string search(const std::string& type, const std::string& path) {
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find(':', at), path.size());
    std::string candidate = path.substr(at, end - at) + "/" + type;
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
                "plugin type '" + type.substr(0, 64) + "' is not a plain program name");
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
                                 ? "signal " + std::to_string(result.exit_code - 128) + " ended it"
                                 : "it ended with status " + std::to_string(result.exit_code);
  return {ErrorCode::delegate_failed, "plugin '" + type + "' failed without an error object: " + ending,
          result.output.empty() ? "it printed nothing; what it wrote to stderr is in the runtime's log"
                                : "it printed: " + result.output.substr(0, 300)};
}

}  // namespace

std::string find_plugin(const std::string& type, const Request& request) {
  check_type(type);
  std::string found = search(type, request.path);
  if (found.empty())
    throw Error(ErrorCode::invalid_config,
                "failed to find plugin \"" + type + "\" in path [" + request.path + "]",
                "install it there, or name another type in the network configuration");
  return found;
}

bool has_plugin(const std::string& type, const Request& request) {
  return !search(type, request.path).empty();
}

json::OrderedValue run_delegate(const std::string& type, const std::string& command, const Request& request) {
  base::ProcessSpec spec;
  spec.program = find_plugin(type, request);
  spec.environment = base::environment_with({"CNI_COMMAND=" + command});
  const std::string config = request.config.dump(-1, ' ', false, json::Value::error_handler_t::replace);
  spec.input = config;
  base::ProcessResult result;
  try {
    result = base::run_process(spec);
  } catch (const base::SystemError& error) {
    const bool passes = error.error_number() == ETXTBSY || error.error_number() == ETIMEDOUT;
    throw Error(passes ? ErrorCode::try_again_later : ErrorCode::delegate_failed,
                "plugin '" + type + "', " + command + ": " + error.what(),
                error.error_number() == ETXTBSY ? "the file is being written just now" : "");
  }
  if (result.exit_code != 0) throw reported_error(type, result);
  if (result.output.find_first_not_of(" \t\r\n") == std::string::npos) return nullptr;
  try {
    json::check_depth(result.output, "the answer of plugin '" + type + "'");
    return json::OrderedValue::parse(result.output);
  } catch (const json::OrderedValue::exception&) {
    throw Error(ErrorCode::decoding_failure,
                "plugin '" + type + "', " + command + ": its answer is not valid JSON",
                "it printed: " + result.output.substr(0, 300));
  }
}

}  // namespace cni
