#include "flanneld/options/options.h"

#include <algorithm>
#include <string_view>

#include "common/base/error.h"
#include "common/base/spelling.h"
#include "common/base/text.h"
#include "flanneld/io/url.h"
#include "flanneld/options/config_file.h"

namespace flanneld {
namespace {

void add_environment(FlagValues& flags, const Environment& environment, std::vector<std::string>& warnings) {
  for (const Flag& flag : all_flags()) {
    const std::string name = flag.environment_name();
    const auto found = environment.find(name);
    if (found == environment.end() || found->second.empty() || flags.contains(flag.name)) continue;
    try {
      check_form(flag.meaning.kind, found->second, name);
      flags.emplace(flag.name, FlagValue{{found->second}, name});
    } catch (const UsageError& error) {
      warnings.push_back(fmt::format("{}, ignoring", error.what()));
    }
  }
}

/// A name that nearly is a flag's would otherwise be a setting that is never made.
void check_names(const Environment& environment, std::vector<std::string>& warnings) {
  constexpr std::string_view kPrefix = "FLANNELD_";
  std::vector<std::string> known;
  for (const Flag& flag : all_flags()) known.push_back(flag.environment_name());
  std::vector<std::string_view> endings;
  endings.reserve(known.size());
  for (const std::string& name : known) endings.push_back(std::string_view{name}.substr(kPrefix.size()));
  for (const auto& [name, value] : environment) {
    if (!base::lower(name).starts_with(base::lower(kPrefix)) ||
        std::find(known.begin(), known.end(), name) != known.end())
      continue;
    if (const auto similar = base::find_similar(std::string_view{name}.substr(kPrefix.size()), endings))
      throw UsageError(fmt::format("{} belongs to no flag; did you mean {}{}?", name, kPrefix, *similar));
    warnings.push_back(fmt::format("{} belongs to no flag, ignoring", name));
  }
}

/// Returns the file's flags, and puts its network configuration into `options`.
FlagValues read_config(const std::string& path, const FileReader& read_file, Options& options) {
  std::optional<std::string> text;
  try {
    text = read_file(path);
  } catch (const base::SystemError& error) {
    throw UsageError(error.what());
  }
  if (!text) throw UsageError(fmt::format("there is no file {}", base::quoted(path)));
  ConfigFile file = parse_config_file(*text, path);
  options.network_config = std::move(file.network_config);
  return std::move(file.flags);
}

std::vector<std::string> describe_settings(const FlagValues& flags) {
  std::vector<std::string> settings;
  for (const auto& [name, value] : flags) {
    std::vector<std::string> shown;
    for (const std::string& text : value.values)
      shown.push_back(fmt::format("'{}'", with_userinfo_hidden(text)));
    if (find_flag(name)->is_secret) shown = {"***"};
    settings.push_back(fmt::format("{}={} ({})", name, fmt::join(shown, " "), value.origin));
  }
  return settings;
}

void apply_all(const FlagValues& flags, Options& options) {
  for (const Flag& flag : all_flags()) {
    if (const auto found = flags.find(flag.name); found != flags.end())
      flag.meaning.apply(options, found->second);
    else if (flag.meaning.kind != FlagKind::list)
      flag.meaning.apply(options, {{flag.default_value}, fmt::format("--{}", flag.name)});
  }
}

/// Drops what is given of a pair when only half of it is.
void drop_half_pair(std::string& one, std::string& other, const char* flags, Options& options) {
  if (one.empty() == other.empty()) return;
  options.warnings.push_back(fmt::format("{} work only together, ignoring the one given", flags));
  one.clear();
  other.clear();
}

KubeEnvironment kube_environment(const Environment& environment) {
  const auto value_of = [&](const char* name, const char* other = nullptr) {
    for (const char* one : {name, other})
      if (const auto found = one ? environment.find(one) : environment.end();
          found != environment.end() && !found->second.empty())
        return found->second;
    return std::string();
  };
  return {.node_name = value_of("NODE_NAME"),
          .pod_name = value_of("POD_NAME"),
          .pod_namespace = value_of("POD_NAMESPACE"),
          .service_host = value_of("KUBERNETES_SERVICE_HOST"),
          .service_port = value_of("KUBERNETES_SERVICE_PORT"),
          .https_proxy = value_of("HTTPS_PROXY", "https_proxy"),
          .http_proxy = value_of("HTTP_PROXY", "http_proxy"),
          .no_proxy = value_of("NO_PROXY", "no_proxy")};
}

/// Which node this is, nobody else can say.
void check_kube(const Options& options) {
  const KubeEnvironment& environment = options.kube_environment;
  if (!options.kube_subnet_mgr || !environment.node_name.empty()) return;
  if (environment.pod_name.empty() || environment.pod_namespace.empty())
    throw UsageError("--kube-subnet-mgr: the environment must have NODE_NAME, or POD_NAME and POD_NAMESPACE");
}

/// What follows from several flags together.
void combine(Options& options) {
  drop_half_pair(options.etcd_keyfile, options.etcd_certfile, "--etcd-keyfile and --etcd-certfile", options);
  drop_half_pair(options.etcd_username, options.etcd_password, "--etcd-username and --etcd-password",
                 options);
  const bool has_tls = !options.etcd_keyfile.empty() || !options.etcd_cafile.empty();
  for (std::string& url : options.etcd_endpoints)
    if (url.find("://") == std::string::npos) url.insert(0, has_tls ? "https://" : "http://");
  if (!options.etcd_discovery_srv.empty()) options.etcd_endpoints.clear();
  if (options.kube_subnet_mgr && !options.lease_dir.empty()) {
    options.warnings.emplace_back("--kube-subnet-mgr is given, ignoring --lease-dir");
    options.lease_dir.clear();
  }
  if (options.healthz_port == 0) return;
  if (!options.healthz_ip) throw UsageError("--healthz-ip: an address is needed");
  options.healthz = ListenAddress{*options.healthz_ip, options.healthz_port};
}

}  // namespace

std::string Options::describe() const {
  return settings.empty() ? "all options have their defaults" : fmt::format("{}", fmt::join(settings, ", "));
}

std::map<std::string, std::vector<std::string>> Options::public_flags() const {
  std::map<std::string, std::vector<std::string>> shown;
  for (const auto& [name, value] : flags) {
    if (find_flag(name)->is_secret) continue;
    for (const std::string& text : value.values) shown[name].push_back(with_userinfo_hidden(text));
  }
  if (shown.contains("etcd-endpoints")) {
    std::vector<std::string> urls;
    for (const std::string& url : etcd_endpoints) urls.push_back(without_userinfo(url));
    shown["etcd-endpoints"] = {fmt::format("{}", fmt::join(urls, ","))};
  }
  return shown;
}

Options parse_options(const std::vector<std::string>& arguments, const Environment& environment,
                      const FileReader& read_file) {
  Options options;
  CommandLine line = parse_command_line(arguments);
  options.help = line.help;
  const auto version = line.flags.find("version");
  options.version = version != line.flags.end() && parse_boolean(version->second.text(), "--version");
  if (options.help || options.version) return options;
  options.words = std::move(line.words);

  FlagValues flags = std::move(line.flags);
  add_environment(flags, environment, options.warnings);
  check_names(environment, options.warnings);
  if (const auto config = flags.find("config"); config != flags.end() && !config->second.text().empty())
    flags.merge(read_config(config->second.text(), read_file, options));
  if (flags.contains("lease-dir") && flags.contains("etcd-endpoints") && !flags["lease-dir"].text().empty())
    options.warnings.emplace_back("--lease-dir is given, ignoring --etcd-endpoints");
  if (flags.contains("etcd-discovery-srv") && flags.contains("etcd-endpoints") &&
      !flags["etcd-discovery-srv"].text().empty())
    options.warnings.emplace_back("--etcd-discovery-srv is given, ignoring --etcd-endpoints");
  options.settings = describe_settings(flags);
  apply_all(flags, options);
  combine(options);
  options.kube_environment = kube_environment(environment);
  if (const auto file = environment.find("WIREGUARD_KEY_FILE"); file != environment.end())
    options.wireguard_key_file = file->second;
  if (options.words.empty()) check_kube(options);
  options.flags = std::move(flags);
  return options;
}

// cppcheck-suppress passedByValue; its entries are moved out
Options complete_options(const Options& options, FlagValues others) {
  Options result;
  result.network_config = options.network_config;
  result.words = options.words;
  result.warnings = options.warnings;
  result.kube_environment = options.kube_environment;
  result.wireguard_key_file = options.wireguard_key_file;
  result.flags = options.flags;
  result.flags.merge(others);
  apply_all(result.flags, result);
  combine(result);
  return result;
}

std::string usage() {
  return fmt::format(R"(usage: flanneld [flags] [command]

Without a command the node agent runs in the foreground. Every flag can also be given by the
environment (FLANNELD_ETCD_PREFIX for --etcd-prefix) or in the file of --config; the command line
goes before the environment, and that before the file. Flags may also stand behind a command.

Commands, which look at the agent of the same flags:
  status [-o json | --watch]
                     what it holds and whom it reaches; exit status 0 only if this node is well
  status --cluster   all leases, by the store alone, and what is wrong between them
  doctor [-o json]   checks this node and says what to do
  doctor --fix       does what can be done from here, each step told first, and checks again
  cleanup [--force]  removes what it left in the kernel, once it has been stopped, or at once
  cleanup --lease SUBNET
                     gives back the lease of a node that is gone
  completion SHELL   prints what bash or zsh needs to complete all this

Flags:
{})",
                     flags_help());
}

}  // namespace flanneld
