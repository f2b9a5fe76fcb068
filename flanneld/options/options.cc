#include "flanneld/options/options.h"

#include <algorithm>

#include "common/base/error.h"
#include "flanneld/io/url.h"
#include "flanneld/node/iface_regex.h"
#include "flanneld/options/config_file.h"

namespace flanneld {
namespace {

using base::IpAddress;

void add_environment(FlagValues& flags, const Environment& environment, std::vector<std::string>& warnings) {
  for (const Flag& flag : all_flags()) {
    const std::string name = flag.environment_name();
    const auto found = environment.find(name);
    if (found == environment.end() || found->second.empty() || flags.contains(flag.name)) continue;
    try {
      check_form(flag, found->second, name);
      flags.emplace(flag.name, FlagValue{{found->second}, name});
    } catch (const UsageError& error) {
      warnings.push_back(std::string(error.what()) + ", ignoring");
    }
  }
}

/// The file's flags, and its network configuration into `options`.
FlagValues read_config(const std::string& path, const FileReader& read_file, Options& options) {
  std::optional<std::string> text;
  try {
    text = read_file(path);
  } catch (const base::SystemError& error) {
    throw UsageError(error.what());
  }
  if (!text) throw UsageError("there is no file '" + path + "'");
  ConfigFile file = parse_config_file(*text, path);
  options.network_config = std::move(file.network_config);
  return std::move(file.flags);
}

/// False for "host:secret", the first part of a list that is cut within a password.
bool has_good_port(std::string_view authority) {
  if (const size_t sign = authority.rfind('@'); sign != std::string_view::npos)
    authority.remove_prefix(sign + 1);
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.ends_with(']')) return true;
  const std::string_view port = authority.substr(colon + 1);
  return port.size() <= 5 && port.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Values out of the merged flags, each checked.
class Values {
 public:
  explicit Values(FlagValues flags) : flags_(std::move(flags)) {
    for (const Flag& flag : all_flags())
      if (flag.kind != FlagKind::list)
        flags_.emplace(flag.name, FlagValue{{flag.default_value}, std::string("--") + flag.name});
  }

  [[nodiscard]] const std::string& text(const char* name) const { return flags_.find(name)->second.text(); }
  [[nodiscard]] bool boolean(const char* name) const { return parse_boolean(text(name), origin(name)); }
  [[nodiscard]] std::vector<std::string> list(const char* name) const {
    const auto found = flags_.find(name);
    return found == flags_.end() ? std::vector<std::string>{} : found->second.values;
  }
  [[nodiscard]] long long number(const char* name, long long least, long long most) const {
    const long long value = parse_number(text(name), origin(name));
    if (value < least || value > most)
      fail(name, text(name) + " is not between " + std::to_string(least) + " and " + std::to_string(most));
    return value;
  }
  [[nodiscard]] std::optional<IpAddress> address(const char* name) const {
    if (text(name).empty()) return std::nullopt;
    const auto ip = IpAddress::parse(text(name));
    if (!ip) fail(name, "'" + text(name) + "' is not an IP address");
    return ip;
  }
  [[nodiscard]] std::optional<IpAddress> address(const char* name, base::Family family) const {
    const auto ip = address(name);
    if (ip && ip->family() != family)
      fail(name, ip->str() + " is not an IPv" + (family == base::Family::v4 ? "4" : "6") + " address");
    return ip;
  }
  [[nodiscard]] std::optional<ListenAddress> listen(const char* name) const {
    const std::string& value = text(name);
    if (value.empty()) return std::nullopt;
    const size_t colon = value.rfind(':');
    std::string host = value.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto ip = IpAddress::parse(host);
    if (colon == std::string::npos || !ip || ip->is_v4() == bracketed)
      fail(name, "'" + value + "' is not an address and port such as 127.0.0.1:7000 or [::1]:7000");
    const long long port = parse_number(value.substr(colon + 1), origin(name));
    if (port < 1 || port > 65535) fail(name, "port " + std::to_string(port) + " is not between 1 and 65535");
    return ListenAddress{*ip, static_cast<uint16_t>(port)};
  }
  [[nodiscard]] std::vector<std::string> endpoints(const char* name, bool has_tls) const {
    std::vector<std::string> urls;
    const std::string& value = text(name);
    for (size_t at = 0; at <= value.size();) {
      const size_t end = std::min(value.find(',', at), value.size());
      std::string url = value.substr(at, end - at);
      at = end + 1;
      url.erase(0, url.find_first_not_of(" \t"));
      url.erase(url.find_last_not_of(" \t") + 1);
      if (url.empty()) continue;
      if (url.find("://") == std::string::npos) url.insert(0, has_tls ? "https://" : "http://");
      const size_t host = url.find("://") + 3;
      while (url.size() > host && url.ends_with('/')) url.pop_back();
      const std::string scheme = url.substr(0, host);
      if ((scheme != "http://" && scheme != "https://") || host == url.size() ||
          url.find_first_of(" \t\n\r") != std::string::npos)
        fail(name, "'" + with_userinfo_hidden(url) + "' is not a URL such as https://192.168.1.10:2379");
      const std::string_view whole = url;
      if (!has_good_port(whole.substr(host, url.find('/', host) - host)))
        fail(name, "a server's port is not a number; a comma within a password is written %2C");
      urls.push_back(std::move(url));
    }
    if (urls.empty()) fail(name, "no server is given");
    return urls;
  }
  [[noreturn]] void fail(const char* name, const std::string& reason) const {
    throw UsageError(origin(name) + ": " + reason);
  }

 private:
  [[nodiscard]] const std::string& origin(const char* name) const { return flags_.find(name)->second.origin; }
  FlagValues flags_;
};

std::vector<std::string> describe_settings(const FlagValues& flags) {
  std::vector<std::string> settings;
  for (const auto& [name, value] : flags) {
    const Flag* flag = find_flag(name);
    std::string text;
    for (const std::string& one : value.values)
      text.append(text.empty() ? "'" : " '").append(with_userinfo_hidden(one)).append("'");
    if (flag->secret) text = "***";
    std::string setting = name;
    setting.append("=").append(text).append(" (").append(value.origin).append(")");
    settings.push_back(std::move(setting));
  }
  return settings;
}

void fill_etcd(Options& options, const Values& values) {
  options.etcd_prefix = values.text("etcd-prefix");
  options.etcd_keyfile = values.text("etcd-keyfile");
  options.etcd_certfile = values.text("etcd-certfile");
  options.etcd_cafile = values.text("etcd-cafile");
  options.etcd_username = values.text("etcd-username");
  options.etcd_password = values.text("etcd-password");
  if (options.etcd_keyfile.empty() != options.etcd_certfile.empty()) {
    options.warnings.emplace_back(
        "--etcd-keyfile and --etcd-certfile work only together, ignoring the one given");
    options.etcd_keyfile.clear();
    options.etcd_certfile.clear();
  }
  if (options.etcd_username.empty() != options.etcd_password.empty()) {
    options.warnings.emplace_back(
        "--etcd-username and --etcd-password work only together, ignoring the one given");
    options.etcd_username.clear();
    options.etcd_password.clear();
  }
  const bool has_tls = !options.etcd_keyfile.empty() || !options.etcd_cafile.empty();
  options.etcd_endpoints = values.endpoints("etcd-endpoints", has_tls);
}

void fill_interface(Options& options, const Values& values) {
  options.iface = values.list("iface");
  options.iface_regex = values.list("iface-regex");
  // An empty value counts as none, as upstream has it for these flags.
  std::erase(options.iface, "");
  std::erase(options.iface_regex, "");
  for (const std::string& pattern : options.iface_regex) {
    try {
      (void)IfaceRegex(pattern);
    } catch (const base::ParseError& error) {
      values.fail("iface-regex", error.what());
    }
  }
  options.iface_can_reach = values.address("iface-can-reach");
  options.public_ip = values.address("public-ip", base::Family::v4);
  options.public_ipv6 = values.address("public-ipv6", base::Family::v6);
}

void fill(Options& options, const Values& values) {
  if (values.boolean("kube-subnet-mgr")) values.fail("kube-subnet-mgr", "not supported yet");
  options.lease_dir = values.text("lease-dir");
  fill_etcd(options, values);
  fill_interface(options, values);
  options.subnet_file = values.text("subnet-file");
  if (options.subnet_file.empty()) values.fail("subnet-file", "a path is needed");
  // A lease directory is on this machine's disk itself.
  if (options.lease_dir.empty()) options.state_file = values.text("state-file");
  options.subnet_lease_renew_margin =
      static_cast<uint32_t>(values.number("subnet-lease-renew-margin", 1, 1439));
  options.ip_masq = values.boolean("ip-masq");
  options.ip_masq_fully_random_disable = values.boolean("ip-masq-fully-random-disable");
  options.iptables_forward_rules = values.boolean("iptables-forward-rules");
  options.iptables_resync = static_cast<uint32_t>(values.number("iptables-resync", 1, 86400));
  options.ip_blackhole_route = values.boolean("ip-blackhole-route");
  options.heal = values.boolean("heal");
  const auto port = static_cast<uint16_t>(values.number("healthz-port", 0, 65535));
  const auto healthz_ip = values.address("healthz-ip");
  if (port != 0 && !healthz_ip) values.fail("healthz-ip", "an address is needed");
  if (port != 0) options.healthz = ListenAddress{*healthz_ip, port};
  options.status_listen = values.listen("status-listen");
  options.verbosity = static_cast<int>(values.number("v", 0, INT32_MAX));
}

}  // namespace

std::string ListenAddress::str() const {
  return (ip.is_v4() ? ip.str() : "[" + ip.str() + "]") + ":" + std::to_string(port);
}

std::string Options::describe() const {
  std::string text;
  for (const std::string& setting : settings) text.append(text.empty() ? "" : ", ").append(setting);
  return text.empty() ? "all options have their defaults" : text;
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
  if (const auto config = flags.find("config"); config != flags.end() && !config->second.text().empty()) {
    options.config = config->second.text();
    flags.merge(read_config(options.config, read_file, options));
  }
  if (flags.contains("lease-dir") && flags.contains("etcd-endpoints") && !flags["lease-dir"].text().empty())
    options.warnings.emplace_back("--lease-dir is given, ignoring --etcd-endpoints");
  options.settings = describe_settings(flags);
  fill(options, Values(std::move(flags)));
  return options;
}

std::string usage() {
  return "usage: flanneld [flags] [command]\n\n"
         "Without a command the node agent runs in the foreground. Every flag can also be given by the\n"
         "environment (FLANNELD_ETCD_PREFIX for --etcd-prefix) or in the file of --config; the command line\n"
         "goes before the environment, and that before the file.\n\n"
         "Commands, which look at the agent of the same flags:\n"
         "  status [-o json]   what it holds and whom it reaches; exit status 0 only if all is well\n"
         "  doctor [-o json]   checks this node and says what to do\n"
         "  cleanup            removes what it left in the kernel, once it has been stopped\n\n"
         "Flags:\n" +
         flags_help();
}

}  // namespace flanneld
