#include "common/cni/plugin_main.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/cni/error.h"
#include "common/cni/version.h"

#ifndef PROJECT_VERSION
#error "PROJECT_VERSION comes from CMakeLists.txt"
#endif

namespace cni {
namespace {

constexpr size_t kMaxConfigBytes = 4 << 20;

/// Which verbs need a variable, and what its value must look like.
struct EnvRule {
  const char* name;
  bool add, del, check, gc, status;
  std::string (*problem)(std::string_view);  ///< why a value is bad; empty if good
};

std::string no_problem(std::string_view) { return {}; }

std::string container_id_problem(std::string_view id) {
  return is_valid_identifier(id) ? ""
                                 : "must begin with a letter or digit, go on with those and '_', '.', '-', "
                                   "and have at most 239 bytes";
}

constexpr std::array kEnvRules{
    EnvRule{"CNI_CONTAINERID", true, true, true, false, false, container_id_problem},
    EnvRule{"CNI_NETNS", true, false, true, false, false, no_problem},
    EnvRule{"CNI_IFNAME", true, true, true, false, false, ifname_problem},
    EnvRule{"CNI_PATH", true, true, true, true, true, no_problem},
};

std::string env(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool needs(const EnvRule& rule, std::string_view command) {
  return (command == "ADD" && rule.add) || (command == "DEL" && rule.del) ||
         (command == "CHECK" && rule.check) || (command == "GC" && rule.gc) ||
         (command == "STATUS" && rule.status);
}

/// A bad value ends at once; missing names are gathered, so that one answer names them all.
void check_environment(std::string_view command) {
  std::string missing;
  for (const EnvRule& rule : kEnvRules) {
    if (!needs(rule, command)) continue;
    const std::string value = env(rule.name);
    if (value.empty()) {
      missing += (missing.empty() ? "" : ",") + std::string(rule.name);
    } else if (const std::string problem = rule.problem(value); !problem.empty()) {
      throw Error(ErrorCode::invalid_environment, std::string("invalid ") + rule.name + ": " + problem,
                  value.substr(0, 256));
    }
  }
  if (!missing.empty())
    throw Error(ErrorCode::invalid_environment, "required env variables [" + missing + "] missing",
                "the container runtime sets them; to call a plugin by hand use cnitool or scripts/cni-run");
}

std::string read_stdin() {
  try {
    return base::read_all(STDIN_FILENO, kMaxConfigBytes, "stdin");
  } catch (const base::SystemError& error) {
    throw Error(ErrorCode::io_failure, std::string("cannot read the configuration: ") + error.what());
  }
}

Request read_request(const std::string& command, std::string& version_for_errors) {
  Request request;
  request.command = command;
  if (command != "GC" && command != "STATUS") {  // of which these are not checked
    request.attachment = {env("CNI_CONTAINERID"), env("CNI_IFNAME")};
    request.netns = env("CNI_NETNS");
  }
  request.args = env("CNI_ARGS");
  request.path = env("CNI_PATH");
  request.config = json::parse(read_stdin(), "the configuration on stdin");
  if (!request.config.is_object())
    throw Error(ErrorCode::decoding_failure, "the configuration on stdin must be a JSON object, not " +
                                                 std::string(request.config.type_name()));
  request.network = json::get_string(request.config, "name", "");
  if (request.network.empty())
    throw Error(ErrorCode::invalid_config, "missing network name", "the configuration needs a key 'name'");
  if (!is_valid_identifier(request.network))
    throw Error(ErrorCode::invalid_config, "invalid characters in network name",
                request.network.substr(0, 256));
  request.version = json::get_string(request.config, "cniVersion", "");
  if (request.version.empty()) request.version = kOldestVersion;
  if (is_supported(request.version)) version_for_errors = request.version;
  return request;
}

/// `since` is the spec version that brought the verb.
void check_version(const Request& request, std::string_view since) {
  if (version_less(request.version, since))
    throw Error(ErrorCode::incompatible_version, "config version does not allow " + request.command,
                "cniVersion is '" + request.version + "', " + request.command + " exists since " +
                    std::string(since));
  if (!is_supported(request.version))
    throw Error(ErrorCode::incompatible_version, "incompatible CNI versions",
                "config is \"" + request.version + "\", plugin supports [" + supported_list() + "]");
}

/// The node's own namespace is never a container's: an ADD or DEL there would cut the node off.
void check_not_own_netns(const Request& request) {
  const std::string override_value = env("CNI_NETNS_OVERRIDE");
  if (request.netns.empty() || override_value == "1" || strcasecmp(override_value.c_str(), "true") == 0)
    return;
  struct stat own {
  }, theirs{};
  if (::stat("/proc/self/ns/net", &own) != 0 || ::stat(request.netns.c_str(), &theirs) != 0) return;
  if (own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino)
    throw Error(ErrorCode::invalid_netns,
                "CNI_NETNS '" + request.netns + "' is the plugin's own network namespace",
                "nothing was changed; a pod with host networking needs no CNI call");
}

json::OrderedValue serve(const Plugin& plugin, const Request& request) {
  const std::string& command = request.command;
  if (command != "ADD" && command != "DEL" && command != "CHECK" && command != "GC" && command != "STATUS")
    throw Error(ErrorCode::invalid_environment, "unknown CNI_COMMAND: " + command.substr(0, 64));
  const bool since_1_1 = command == "GC" || command == "STATUS";
  check_version(request, command == "CHECK" ? "0.4.0" : since_1_1 ? "1.1.0" : kOldestVersion);
  if (!since_1_1) check_not_own_netns(request);
  if (command == "ADD") return plugin.add(request);
  (command == "DEL"     ? plugin.del
   : command == "CHECK" ? plugin.check
   : command == "GC"    ? plugin.gc
                        : plugin.status)(request);
  return nullptr;
}

/// JSON with every invalid UTF-8 sequence replaced: an error must be printable whatever it quotes.
std::string print(const json::OrderedValue& document, int indent) {
  return document.dump(indent, ' ', false, json::OrderedValue::error_handler_t::replace);
}

void print_version() {
  json::OrderedValue versions{{"cniVersion", kNewestVersion}, {"supportedVersions", kSupportedVersions}};
  base::write_all(STDOUT_FILENO, print(versions, -1) + "\n", "stdout");
}

int print_error(const Error& error, const std::string& version) {
  json::OrderedValue object{
      {"cniVersion", version}, {"code", static_cast<unsigned>(error.code())}, {"msg", error.what()}};
  if (!error.details().empty()) object["details"] = error.details();
  base::write_all(STDOUT_FILENO, print(object, 4), "stdout");
  return EXIT_FAILURE;
}

void print_result(const Plugin& plugin, const Request& request, const json::OrderedValue& result) {
  try {
    base::write_all(STDOUT_FILENO, print(result, 4), "stdout");
  } catch (...) {
    // The runtime will never learn of this attachment, so it must not stay.
    plugin.del(request);
    throw;
  }
}

int print_about(const Plugin& plugin, int fd, bool with_usage) {
  std::string text = "CNI " + plugin.name +
                     " plugin " PROJECT_VERSION "\nCNI protocol versions supported: " + supported_list() +
                     "\n";
  if (with_usage)
    text +=
        "\n" + plugin.purpose +
        "\n\nA container runtime calls it with the variables CNI_COMMAND (ADD, DEL, CHECK, GC, STATUS or\n"
        "VERSION), CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_ARGS and CNI_PATH, and the network\n"
        "configuration as JSON on stdin. The answer is JSON on stdout. By hand, use cnitool.\n";
  base::write_all(fd, text, "output");
  return EXIT_SUCCESS;
}

int run(const Plugin& plugin, int argc, const char* const* argv, std::string& version) {
  const std::string_view option = argc > 1 ? argv[1] : "";
  if (option == "--help" || option == "-h") return print_about(plugin, STDOUT_FILENO, true);
  if (option == "--version" || option == "-v") return print_about(plugin, STDOUT_FILENO, false);
  const std::string command = env("CNI_COMMAND");
  if (command.empty()) return print_about(plugin, STDERR_FILENO, false);
  check_environment(command);
  if (command == "VERSION") {
    print_version();
    return EXIT_SUCCESS;
  }
  const Request request = read_request(command, version);
  const json::OrderedValue result = serve(plugin, request);
  if (!result.is_null()) print_result(plugin, request, result);
  return EXIT_SUCCESS;
}

}  // namespace

int plugin_main(const Plugin& plugin, int argc, const char* const* argv) noexcept {
  std::string version(kNewestVersion);
  try {
    try {
      return run(plugin, argc, argv, version);
    } catch (...) {
      return print_error(current_error(), version);
    }
  } catch (...) {  // stdout itself is gone; the exit status still tells
    return EXIT_FAILURE;
  }
}

}  // namespace cni
