#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "common/base/error.h"
#include "common/json/json.h"
#include "flanneld/backend/vxlan.h"
#include "flanneld/commands/doctor.h"

namespace flanneld {
namespace {

using State = Finding::State;

/// What the device adds to a packet, by the name that the backend gives it.
uint32_t overhead_of(const MtuFacts::Device& device) {
  return vxlan_overhead(device.name.starts_with("flannel-v6.") ? base::Family::v6 : base::Family::v4);
}

std::string list(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// Field `index` of a line, counted from 0.
std::string_view field(std::string_view line, size_t index) {
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const std::string_view word = line.substr(0, line.find(' '));
    if (index == 0 || word.empty()) return word;
    --index;
    line.remove_prefix(word.size());
  }
}

bool ends_with_port(std::string_view address, uint16_t port) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return false;
  unsigned value = 0;
  const std::string_view hex = address.substr(colon + 1);
  std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
  return value == port;
}

/// The types of a configuration's plugins, in order. Throws base::ParseError.
std::vector<std::string> plugin_types(const CniFiles& files) {
  const json::Value conf = json::parse(files.text, "network configuration");
  std::vector<std::string> types;
  if (!conf.is_object()) return types;
  if (!json::find(conf, "plugins")) return {json::get_string(conf, "type", "")};
  for (const json::Value& plugin : json::get_array(conf, "plugins", ""))
    if (plugin.is_object()) types.push_back(json::get_string(plugin, "type", "plugins"));
  return types;
}

const char* state_name(State state) {
  switch (state) {
    case State::ok:
      return "ok";
    case State::warn:
      return "warn";
    case State::fail:
      return "fail";
  }
  return "";
}

}  // namespace

std::string findings_text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& one : findings) {
    std::string state = state_name(one.state);
    state.resize(6, ' ');
    text += state + one.name + ": " + one.finding + (one.advice.empty() ? "" : " — " + one.advice) + "\n";
  }
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
  return json::OrderedValue{{"checks", checks}}.dump(2, ' ', false,
                                                     json::OrderedValue::error_handler_t::replace) +
         "\n";
}

Finding judge_forwarding(base::Family family, const std::optional<std::string>& value) {
  const bool is_v4 = family == base::Family::v4;
  const std::string sysctl = is_v4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
  Finding finding{State::ok, is_v4 ? "IPv4 forwarding" : "IPv6 forwarding", sysctl + " is on", {}};
  if (value && *value != "0") return finding;
  finding.state = State::fail;
  finding.finding = value ? sysctl + " is off: the node drops pods' packets to other nodes"
                          : "there is no " + sysctl + ": the kernel lacks the family or it is switched off";
  finding.advice = value ? "sysctl -w " + sysctl + "=1, and put it into /etc/sysctl.d to last" : "";
  return finding;
}

Finding judge_bridge_filter(const std::optional<std::string>& value) {
  Finding finding{State::ok, "bridge netfilter", "bridge-nf-call-iptables is on", {}};
  if (value && *value != "0") return finding;
  finding.state = State::warn;
  finding.finding = value ? "bridge-nf-call-iptables is off" : "module br_netfilter is not loaded";
  finding.finding += ": with kube-proxy, a pod may not reach a service whose pod is on the same node";
  finding.advice = value ? "sysctl -w net.bridge.bridge-nf-call-iptables=1" : "modprobe br_netfilter";
  return finding;
}

Finding judge_interface(const InterfaceChoice& choice) {
  Finding finding{State::ok, "external interface", {}, {}};
  if (!choice.chosen) {
    finding.state = State::fail;
    finding.finding = "none serves: " + choice.reasons();
    finding.advice = "say which one to use with --iface, --iface-regex, --iface-can-reach or --public-ip";
    return finding;
  }
  const ExternalInterface& chosen = *choice.chosen;
  finding.finding = "'" + chosen.name + "'";
  for (const auto& ip : {chosen.ipv4, chosen.ipv6})
    if (ip) finding.finding += " " + ip->str();
  for (const auto& ip : {chosen.public_ipv4, chosen.public_ipv6})
    if (ip && ip != chosen.ipv4 && ip != chosen.ipv6) finding.finding += ", public " + ip->str();
  finding.finding += ", MTU " + std::to_string(chosen.mtu) + ", by " + chosen.rule;
  if (!choice.rejected.empty()) finding.finding += " (not by " + choice.reasons() + ")";
  return finding;
}

Finding judge_mtu(const MtuFacts& facts) {
  Finding finding{State::ok, "MTU", {}, {}};
  std::vector<std::string> seen, bad;
  const auto note = [](std::vector<std::string>& where, const std::string& what, uint32_t mtu) {
    where.push_back(what + " " + std::to_string(mtu));
  };
  if (facts.external) note(seen, "interface", *facts.external);
  for (const auto& device : facts.devices) note(seen, device.name, device.mtu);
  if (facts.pods) note(seen, "FLANNEL_MTU", *facts.pods);
  if (facts.bridge) note(seen, "cni0", *facts.bridge);
  finding.finding = seen.empty() ? "nothing to compare yet" : list(seen);
  for (const auto& device : facts.devices) {
    if (facts.external && device.mtu + overhead_of(device) > *facts.external)
      bad.push_back(fmt::format("{} and its overhead of {} bytes do not fit the interface", device.name,
                                overhead_of(device)));
    if (facts.pods && *facts.pods > device.mtu) bad.push_back("FLANNEL_MTU does not fit " + device.name);
  }
  if (facts.devices.empty() && facts.external && facts.pods && *facts.pods > *facts.external)
    bad.emplace_back("FLANNEL_MTU does not fit the interface");
  if (facts.bridge && facts.pods && *facts.bridge > *facts.pods)
    bad.emplace_back("cni0 is larger than FLANNEL_MTU");
  if (!bad.empty()) {
    finding.state = State::fail;
    finding.finding += ": " + list(bad) + "; large packets get lost";
    finding.advice = "restart flanneld, then the pods, which keep the MTU that they were started with";
  } else if (facts.bridge && facts.pods && *facts.bridge < *facts.pods) {
    finding.state = State::warn;
    finding.finding += ": cni0 is smaller than FLANNEL_MTU";
    finding.advice = "restart the pods, which keep the MTU that they were started with";
  }
  return finding;
}

std::vector<std::string> inodes_of_port(uint16_t port, std::string_view tables) {
  std::vector<std::string> inodes;
  while (!tables.empty()) {
    const std::string_view line = tables.substr(0, tables.find('\n'));
    tables.remove_prefix(std::min(line.size() + 1, tables.size()));
    if (ends_with_port(field(line, 1), port)) inodes.emplace_back(field(line, 9));
  }
  return inodes;
}

Finding judge_udp_port(uint16_t port, bool has_device, bool is_bound,
                       const std::optional<std::string>& owner) {
  const std::string number = std::to_string(port);
  Finding finding{State::ok, "UDP port " + number, "the kernel's VXLAN receives on it", {}};
  if (owner) {
    finding.state = State::fail;
    finding.finding = "process " + *owner + " has taken it";
    finding.advice = "stop it, or set another Port in the backend of every node";
  } else if (!is_bound && has_device) {
    finding.state = State::fail;
    finding.finding = "no VXLAN device receives on it";
    finding.advice = "is the device up? see `ip -d link show type vxlan`";
  } else if (!is_bound) {
    finding.finding = "free; there is no VXLAN device of flannel";
  }
  return finding;
}

Finding judge_bridge_address(const std::vector<base::IpNet>& addresses, bool has_bridge,
                             const flannel::SubnetEnv& env) {
  Finding finding{State::ok, "bridge", "cni0 has the node's subnet", {}};
  if (!has_bridge) {
    finding.finding = "there is no cni0 yet; the first pod makes it";
    return finding;
  }
  for (const auto& wanted : {env.subnet, env.ipv6_subnet}) {
    if (!wanted || std::find(addresses.begin(), addresses.end(), *wanted) != addresses.end()) continue;
    std::vector<std::string> there;
    for (const base::IpNet& net : addresses)
      if (net.address.family() == wanted->address.family() && !net.address.is_link_local())
        there.push_back(net.str());
    finding.state = State::fail;
    finding.finding =
        "cni0 has " + (there.empty() ? "no address" : list(there)) + ", and subnet.env says " + wanted->str();
    finding.advice = "the node's subnet has changed: restart the pods, then `ip link delete cni0`";
    return finding;
  }
  return finding;
}

Finding judge_cni(const std::optional<CniFiles>& files) {
  Finding finding{State::ok, "network configuration", {}, {}};
  const auto fail = [&](const std::string& what, const std::string& advice) {
    finding.state = State::fail;
    finding.finding = what;
    finding.advice = advice;
    return finding;
  };
  if (!files)
    return fail("/etc/cni/net.d has none: the runtime calls no plugin",
                "put conf-examples/10-flannel.conflist there");
  std::vector<std::string> types;
  try {
    types = plugin_types(*files);
  } catch (const base::ParseError& error) {
    return fail("'" + files->first + "' cannot be read: " + std::string(error.what()), "mend the file");
  }
  if (std::find(types.begin(), types.end(), "flannel") == types.end())
    return fail("'" + files->first + "' comes first, and is not flannel's: the runtime takes that",
                "remove it, or give flannel's a name that sorts before");
  std::vector<std::string> missing;
  for (const std::string& type : types)
    if (std::find(files->programs.begin(), files->programs.end(), type) == files->programs.end())
      missing.push_back("'" + type + "'");
  if (!missing.empty())
    return fail("'" + files->first + "' names " + list(missing) + ", which /opt/cni/bin does not have",
                "install the plugins there");
  finding.finding = "'" + files->first + "': " + list(types);
  if (files->others.empty()) return finding;
  finding.state = State::warn;
  finding.finding += "; the runtime ignores " + list(files->others) + " behind it";
  finding.advice = "remove what is not in use";
  return finding;
}

}  // namespace flanneld
