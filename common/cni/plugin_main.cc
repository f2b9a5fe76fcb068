#include "common/cni/plugin_main.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string_view>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/cni/environment.h"
#include "common/cni/error.h"
#include "common/cni/version.h"

#ifndef PROJECT_VERSION
#error "PROJECT_VERSION comes from CMakeLists.txt"
#endif

namespace cni {
namespace {

constexpr size_t kMaxConfigBytes = 4 << 20;

/// GC and STATUS are about a network; the other verbs are about one attachment to it.
bool is_of_attachment(Verb verb) { return verb != Verb::gc && verb != Verb::status; }

/// The spec version that brought the verb.
std::string_view since(Verb verb) {
  switch (verb) {
    case Verb::add:
    case Verb::del:
    case Verb::version:
      return kOldestVersion;
    case Verb::check:
      return "0.4.0";
    case Verb::gc:
    case Verb::status:
      return "1.1.0";
  }
  return kNewestVersion;
}

std::string read_stdin() {
  try {
    return base::read_all(STDIN_FILENO, kMaxConfigBytes, "stdin");
  } catch (const base::SystemError& error) {
    throw Error(ErrorCode::io_failure, fmt::format("cannot read the configuration: {}", error.what()));
  }
}

/// Reads all but the verb and what depends on it.
Request read_request(std::string& version_for_errors) {
  Request request;
  request.args = env("CNI_ARGS");
  request.path = env("CNI_PATH");
  request.config = json::parse(read_stdin(), "the configuration on stdin");
  if (!request.config.is_object())
    throw Error(
        ErrorCode::decoding_failure,
        fmt::format("the configuration on stdin must be a JSON object, not {}", request.config.type_name()));
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

void check_version(const Request& request) {
  const std::string_view verb = name_of(request.verb);
  if (version_less(request.version, since(request.verb)))
    throw Error(
        ErrorCode::incompatible_version, fmt::format("config version does not allow {}", verb),
        fmt::format("cniVersion is '{}', {} exists since {}", request.version, verb, since(request.verb)));
  if (!is_supported(request.version))
    throw Error(ErrorCode::incompatible_version, "incompatible CNI versions",
                fmt::format("config is \"{}\", plugin supports [{}]", request.version, supported_list()));
}

/// Whether CNI_NETNS is the network namespace of the plugin, and thus of the node.
bool is_own_netns(const std::string& path) {
  struct stat own {
  }, theirs{};
  return ::stat("/proc/self/ns/net", &own) == 0 && ::stat(path.c_str(), &theirs) == 0 &&
         own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino;
}

/// The node's own namespace is never a container's: an ADD there would cut the node off. DEL, to which a
/// process of the node may have led that has the number of the container's, does without a namespace.
void keep_out_of_own_netns(Request& request) {
  const std::string override_value = env("CNI_NETNS_OVERRIDE");
  if (override_value == "1" || strcasecmp(override_value.c_str(), "true") == 0) return;
  if (request.netns.empty() || !is_own_netns(request.netns)) return;
  if (request.verb != Verb::del)
    throw Error(ErrorCode::invalid_netns,
                fmt::format("CNI_NETNS '{}' is the plugin's own network namespace", request.netns),
                "nothing was changed; a pod with host networking needs no CNI call");
  request.netns.clear();
}

/// JSON with every invalid UTF-8 sequence replaced: an error must be printable whatever it quotes.
std::string to_text(const json::OrderedValue& document, int indent) {
  return document.dump(indent, ' ', false, json::OrderedValue::error_handler_t::replace);
}

void print(std::string_view text) { base::write_all(STDOUT_FILENO, text, "stdout"); }

void print_version() {
  const json::OrderedValue versions{{"cniVersion", kNewestVersion},
                                    {"supportedVersions", kSupportedVersions}};
  print(fmt::format("{}\n", to_text(versions, -1)));
}

int print_error(const Error& error, const std::string& version) {
  json::OrderedValue object{
      {"cniVersion", version}, {"code", static_cast<unsigned>(error.code())}, {"msg", error.what()}};
  if (!error.details().empty()) object["details"] = error.details();
  print(to_text(object, 4));
  return EXIT_FAILURE;
}

void print_answer(const AddAnswer& answer, const std::string& version) {
  const Result* result = std::get_if<Result>(&answer);
  const json::OrderedValue document =
      result ? result->to_json(version) : std::get<json::OrderedValue>(answer);
  if (!document.is_null()) print(to_text(document, 4));
}

/// The runtime never learns of an attachment whose result cannot be printed, so it must not stay.
void add(const Plugin& plugin, const Request& request) {
  const AddAnswer answer = plugin.add(request);
  std::signal(SIGPIPE, SIG_IGN);  // where the runtime is gone, it would end this process before the undo
  try {
    print_answer(answer, request.version);
  } catch (...) {
    const Error failure = current_error();
    cni::with_context(fmt::format("{}; undo the ADD", failure.what()), [&] { plugin.del(request); });
    throw Error(failure.code(), failure.what(), failure.details());
  }
}

void serve(const Plugin& plugin, Request& request) {
  check_version(request);
  if (is_of_attachment(request.verb)) keep_out_of_own_netns(request);
  switch (request.verb) {
    case Verb::add:
      return add(plugin, request);
    case Verb::del:
      return plugin.del(request);
    case Verb::check:
      return plugin.check(request);
    case Verb::gc:
      return plugin.gc(request);
    case Verb::status:
      return plugin.status(request);
    case Verb::version:
      return print_version();
  }
}

int print_about(const Plugin& plugin, int fd) {
  base::write_all(
      fd,
      fmt::format("CNI {} plugin {}{}" PROJECT_VERSION "\nCNI protocol versions supported: {}\n", plugin.name,
                  plugin.stands_for, plugin.stands_for.empty() ? "" : "+flannel.", supported_list()),
      "output");
  return EXIT_SUCCESS;
}

int print_usage(const Plugin& plugin) {
  print_about(plugin, STDOUT_FILENO);
  print(fmt::format(
      "\n{}\n\nA container runtime calls it with the variables CNI_COMMAND (ADD, DEL, CHECK, GC, STATUS or\n"
      "VERSION), CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_ARGS and CNI_PATH, and the network\n"
      "configuration as JSON on stdin. The answer is JSON on stdout. By hand, use cnitool.\n{}{}{}",
      plugin.purpose, plugin.commands.empty() ? "" : "\n", plugin.commands,
      plugin.commands.empty() ? "" : "\n"));
  return EXIT_SUCCESS;
}

int run(const Plugin& plugin, int argc, const char* const* argv, std::string& version) {
  const std::string_view option = argc > 1 ? argv[1] : "";
  if (option == "--help" || option == "-h") return print_usage(plugin);
  if (option == "--version" || option == "-v") return print_about(plugin, STDOUT_FILENO);
  const std::string command = env("CNI_COMMAND");
  if (command.empty()) return print_about(plugin, STDERR_FILENO);
  const std::optional<Verb> verb = find_verb(command);
  if (verb) check_environment(*verb);
  if (verb == Verb::version) {
    print_version();
    return EXIT_SUCCESS;
  }
  Request request = read_request(version);
  if (!verb)
    throw Error(ErrorCode::invalid_environment,
                fmt::format("unknown CNI_COMMAND: {}", command.substr(0, 64)));
  request.verb = *verb;
  if (is_of_attachment(*verb)) {
    request.attachment = {.container_id = env("CNI_CONTAINERID"), .ifname = env("CNI_IFNAME")};
    request.netns = env("CNI_NETNS");
  }
  serve(plugin, request);
  return EXIT_SUCCESS;
}

}  // namespace

int plugin_main(const Plugin& plugin, int argc, const char* const* argv) noexcept {
  const auto begun = std::chrono::steady_clock::now();
  std::string version(kNewestVersion);
  int status = EXIT_FAILURE;
  unsigned code = 0;
  try {
    try {
      status = run(plugin, argc, argv, version);
    } catch (...) {
      const Error error = current_error();
      code = static_cast<unsigned>(error.code());
      status = print_error(error, version);
    }
    if (const auto verb = find_verb(env("CNI_COMMAND")); verb && plugin.served)
      plugin.served(
          *verb,
          std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun),
          code);
    return status;
  } catch (...) {  // stdout itself is gone; the exit status still tells
    return EXIT_FAILURE;
  }
}

}  // namespace cni
