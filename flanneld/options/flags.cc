#include "flanneld/options/flags.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace flanneld {
namespace {

constexpr auto kBool = FlagKind::boolean;
constexpr auto kNumber = FlagKind::number;
constexpr auto kText = FlagKind::text;
constexpr auto kList = FlagKind::list;

constexpr std::array kFlags{
    Flag{"config", kText, "", "FILE", "YAML or JSON file with flags and the network configuration"},
    Flag{"lease-dir", kText, "", "DIR", "keep the leases in this directory and use no server"},
    Flag{"etcd-endpoints", kText, "http://127.0.0.1:4001,http://127.0.0.1:2379", "URL,…",
         "etcd servers, tried in turn"},
    Flag{"etcd-prefix", kText, "/coreos.com/network", "KEY", "where in etcd flannel's keys are"},
    Flag{"etcd-keyfile", kText, "", "FILE", "TLS client key (PEM)"},
    Flag{"etcd-certfile", kText, "", "FILE", "TLS client certificate (PEM)"},
    Flag{"etcd-cafile", kText, "", "FILE", "certificate authority of the etcd servers (PEM)"},
    Flag{"etcd-username", kText, "", "NAME", "etcd user"},
    Flag{"etcd-password", kText, "", "TEXT",
         "the user's password; better given by FLANNELD_ETCD_PASSWORD, which no process list shows", true},
    Flag{"iface", kList, "", "NAME|IP", "interface to reach the peers by; repeatable, the first that serves"},
    Flag{"iface-regex", kList, "", "REGEX",
         "as --iface, by a match on address, then on name; repeatable, tried after all --iface"},
    Flag{"iface-can-reach", kText, "", "IP",
         "as --iface, the one that the kernel uses toward IP; tried last"},
    Flag{"public-ip", kText, "", "IP", "IPv4 address that the peers send to"},
    Flag{"public-ipv6", kText, "", "IP", "IPv6 address that the peers send to"},
    Flag{"subnet-file", kText, "/run/flannel/subnet.env", "FILE", "where the node's subnet is written to"},
    Flag{"state-file", kText, "/var/lib/flannel/leases.json", "FILE",
         "the leases last seen, for a start while etcd does not answer; empty: none"},
    Flag{"subnet-lease-renew-margin", kNumber, "60", "MINUTES",
         "renew the lease so long before its end, 1-1439"},
    Flag{"ip-masq", kBool, "false", "", "masquerade what leaves the pod network"},
    Flag{"ip-masq-fully-random-disable", kBool, "false", "", "masquerade without fully random ports"},
    Flag{"iptables-forward-rules", kBool, "true", "", "let the pods' packets be forwarded"},
    Flag{"iptables-resync", kNumber, "5", "SECONDS", "how often the rules are checked"},
    Flag{"ip-blackhole-route", kBool, "false", "", "keep a blackhole route for the node's own subnet"},
    Flag{"heal", kBool, "true", "", "undo what others change in the kernel; false: only report it"},
    Flag{"healthz-ip", kText, "0.0.0.0", "IP", "address of the health server"},
    Flag{"healthz-port", kNumber, "0", "PORT", "port of the health server, 0: none"},
    Flag{"status-listen", kText, "127.0.0.1:7000", "IP:PORT", "address of the status server, empty: none"},
    Flag{"kube-subnet-mgr", kBool, "false", "", "take leases from Kubernetes (not supported yet)"},
    Flag{"kube-api-url", kText, "", "URL", "Kubernetes API server (not supported yet)"},
    Flag{"kubeconfig-file", kText, "", "FILE", "kubeconfig (not supported yet)"},
    Flag{"kube-annotation-prefix", kText, "flannel.alpha.coreos.com", "PREFIX",
         "prefix of node annotations (not supported yet)"},
    Flag{"net-config-path", kText, "/etc/kube-flannel/net-conf.json", "FILE",
         "network configuration in Kubernetes mode (not supported yet)"},
    Flag{"set-node-network-unavailable", kBool, "true", "", "set the node's condition (not supported yet)"},
    Flag{"v", kNumber, "0", "LEVEL", "how much is logged"},
    Flag{"vmodule", kText, "", "PATTERN", "accepted for compatibility, without effect"},
    Flag{"log_backtrace_at", kText, ":0", "FILE:LINE", "accepted for compatibility, without effect"},
    Flag{"version", kBool, "false", "", "print the version and exit"},
};

/// Skips the prefix that names a base; "0" alone stays.
int take_base(std::string_view& digits) {
  if (digits.size() < 2 || digits[0] != '0') return 10;
  const char letter = static_cast<char>(digits[1] | 0x20);
  const int base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
  digits.remove_prefix(letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1);
  return base;
}

}  // namespace

std::string Flag::environment_name() const {
  std::string result = "FLANNELD_";
  for (const char* at = name; *at; ++at)
    result += *at == '-' ? '_' : static_cast<char>(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
  return result;
}

std::span<const Flag> all_flags() { return kFlags; }

const Flag* find_flag(std::string_view name) {
  const auto* found =
      std::find_if(kFlags.begin(), kFlags.end(), [&](const Flag& flag) { return name == flag.name; });
  return found == kFlags.end() ? nullptr : found;
}

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  size_t at = 0;
  for (; at < arguments.size(); ++at) {
    const std::string_view word = arguments[at];
    if (word.size() < 2 || word[0] != '-') break;
    if (word == "--") {
      ++at;
      break;
    }
    const std::string_view body = word.substr(word[1] == '-' ? 2 : 1);
    const size_t equals = body.find('=');
    const std::string name(body.substr(0, equals));
    if (name.empty() || name[0] == '-') throw UsageError("bad flag syntax: " + name);
    if (name == "h" || name == "help") {
      line.help = true;
      return line;
    }
    const Flag* flag = find_flag(name);
    if (!flag) throw UsageError("unknown flag --" + name);
    std::string value;
    if (equals != std::string_view::npos)
      value = body.substr(equals + 1);
    else if (flag->kind == FlagKind::boolean)
      value = "true";
    else if (at + 1 < arguments.size())
      value = arguments[++at];
    else
      throw UsageError("flag --" + name + " needs a value");
    FlagValue& slot = line.flags[name];
    slot.origin = "--" + name;
    check_form(*flag, value, slot.origin);
    if (flag->kind != FlagKind::list) slot.values.clear();
    slot.values.push_back(value);
  }
  line.words.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
  return line;
}

void check_form(const Flag& flag, const std::string& text, const std::string& origin) {
  switch (flag.kind) {
    case FlagKind::boolean:
      parse_boolean(text, origin);
      return;
    case FlagKind::number:
      parse_number(text, origin);
      return;
    case FlagKind::text:
    case FlagKind::list:
      if (text.find('\0') != std::string::npos) throw UsageError(origin + ": the value holds a NUL byte");
      return;
  }
}

bool parse_boolean(std::string_view text, const std::string& origin) {
  for (const char* word : {"1", "t", "T", "TRUE", "true", "True"})
    if (text == word) return true;
  for (const char* word : {"0", "f", "F", "FALSE", "false", "False"})
    if (text == word) return false;
  throw UsageError(origin + ": '" + std::string(text) + "' is not true or false");
}

long long parse_number(std::string_view text, const std::string& origin) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  const int base = take_base(digits);
  long long number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (error != std::errc{} || end != digits.data() + digits.size() || digits.starts_with('-'))
    throw UsageError(origin + ": '" + std::string(text) + "' is not a number");
  return negative ? -number : number;
}

std::string flags_help() {
  std::string text;
  for (const Flag& flag : kFlags) {
    text.append("  --").append(flag.name);
    if (*flag.argument) text.append(" ").append(flag.argument);
    if (flag.kind == FlagKind::boolean) text.append("[=false]");
    text.append("\n      ").append(flag.help);
    const std::string_view value = flag.default_value;
    if (!value.empty() && value != "false") text.append(" (default ").append(value).append(")");
    text.append("\n");
  }
  return text;
}

}  // namespace flanneld
