#include "flanneld/traffic/iptables_text.h"

#include <algorithm>
#include <optional>

#include "common/base/text.h"
#include "common/base/time_text.h"

namespace flanneld {
namespace {

constexpr std::string_view kIpipNumber = " -p 4 ", kIpipName = " -p ipencap ";

bool is_of_interest(std::string_view table, std::string_view chain) {
  return std::any_of(kIptablesPlaces.begin(), kIptablesPlaces.end(), [&](const IptablesPlace& place) {
    return table == place.table && (chain.starts_with(place.chain) || chain == place.built_in);
  });
}

std::string_view first_word(std::string_view text) { return text.substr(0, text.find(' ')); }

/// iptables-save writes a protocol by its name where the node has a list of these.
std::string with_number(std::string_view line) {
  std::string text(line);
  if (const size_t at = text.find(kIpipName); at != std::string::npos)
    text.replace(at, kIpipName.size(), kIpipNumber);
  return text;
}

std::string match_text(const IptablesPlace& place) {
  return fmt::format("-m comment --comment \"{}\"", place.comment);
}

std::string address_text(const char* option, const std::optional<AddressMatch>& match) {
  if (!match) return {};
  return fmt::format("{}{} {} ", match->is_within ? "" : "! ", option, match->net);
}

std::string link_text(const TrafficRule& rule) {
  if (rule.input_link.empty()) return {};
  return fmt::format("{}-i {} ", rule.is_by_input_link ? "" : "! ", rule.input_link);
}

std::string protocol_text(const TrafficRule& rule) {
  if (rule.is_ipip) return std::string(kIpipNumber.substr(1));
  if (rule.udp_port == 0) return {};
  return fmt::format("-p udp -m udp {}--dport {} ",
                     rule.by_server ? fmt::format("--sport 0:{} ", kFirstUserPort - 1) : "", rule.udp_port);
}

const char* target_of(const TrafficRule& rule, bool fully_random) {
  switch (rule.action) {
    case TrafficAction::return_:
      return "RETURN";
    case TrafficAction::accept:
      return "ACCEPT";
    case TrafficAction::masquerade:
      return fully_random ? "MASQUERADE --random-fully" : "MASQUERADE";
    case TrafficAction::drop:
      return "DROP";
  }
  return "";
}

/// Upstream's chains are upstream's to clean up; ours are not.
std::string end_text(const TrafficRule& rule, const TrafficPlan& plan) {
  if (!plan.until || rule.action != TrafficAction::drop) return {};
  std::string text = base::time_text(*plan.until);
  if (text.ends_with('Z')) text.pop_back();  // it is UTC anyway
  return fmt::format("-m time --datestop {} ", text);
}

/// Upstream's order, which is also iptables-save's: source, destination, interface, protocol, matches,
/// target.
std::string rule_line(const IptablesPlace& place, const std::string& chain, const TrafficRule& rule,
                      const TrafficPlan& plan) {
  return fmt::format("-A {} {}{}{}{}{}{}{} -j {}", chain, address_text("-s", rule.source),
                     address_text("-d", rule.destination), link_text(rule), protocol_text(rule),
                     rule.kube_mark ? "-m mark --mark 0x4000/0x4000 " : "", end_text(rule, plan),
                     match_text(place), target_of(rule, plan.fully_random));
}

std::string jump_line(const IptablesPlace& place, const std::string& chain) {
  return fmt::format("-A {} {} -j {}", place.built_in, match_text(place), chain);
}

std::vector<std::string> lines_of(const IptablesPlace& place, const std::string& chain,
                                  const std::vector<TrafficRule>& rules, const TrafficPlan& plan) {
  std::vector<std::string> lines;
  lines.reserve(rules.size());
  for (const TrafficRule& rule : rules) lines.push_back(rule_line(place, chain, rule, plan));
  return lines;
}

/// The rules of the built-in chain that lead to ours, whatever else they say.
std::vector<std::string> jumps_to(const std::string& chain, const IptablesChain* built_in) {
  std::vector<std::string> jumps;
  if (!built_in) return jumps;
  const std::string target = fmt::format(" -j {}", chain);
  for (const std::string& rule : built_in->rules)
    if (rule.ends_with(target)) jumps.push_back(rule);
  return jumps;
}

const IptablesChain* find_chain(const IptablesSaved& saved, const char* table, const std::string& chain) {
  const auto found_table = saved.find(table);
  if (found_table == saved.end()) return nullptr;
  const auto found = found_table->second.find(chain);
  return found == found_table->second.end() ? nullptr : &found->second;
}

/// The input for one chain and the jump to it; empty if both are as desired.
std::string changes_of(const IptablesPlace& place, const std::string& chain, const IptablesSaved& saved,
                       const std::vector<std::string>& desired) {
  const IptablesChain* actual = find_chain(saved, place.table, chain);
  const auto jumps = jumps_to(chain, find_chain(saved, place.table, place.built_in));
  const std::string jump = jump_line(place, chain);
  const bool keep_jump = !desired.empty() && jumps == std::vector<std::string>{jump};
  std::vector<std::string> lines;
  if (!desired.empty() && (!actual || actual->rules != desired)) {
    lines.push_back(fmt::format(":{} - [0:0]", chain));  // which also empties it
    lines.insert(lines.end(), desired.begin(), desired.end());
  }
  if (!keep_jump)
    for (const std::string& one : jumps) lines.push_back(fmt::format("-D{}", one.substr(2)));
  if (!keep_jump && !desired.empty()) lines.push_back(jump);
  if (desired.empty() && actual) lines.push_back(fmt::format("-F {0}\n-X {0}", chain));
  if (lines.empty()) return {};
  return fmt::format("*{}\n{}\nCOMMIT\n", place.table, fmt::join(lines, "\n"));
}

/// As are_of_another() for the rules of one chain in nf_tables.
bool is_of_another(const IptablesChain* chain, const RuleOwner& owner) {
  if (!chain || owner.networks.empty() || owner.suffix.empty()) return false;
  const auto holds = [&](const std::string& text) {  // loopback is in everybody's rules
    return std::any_of(chain->rules.begin(), chain->rules.end(), [&](const std::string& rule) {
      return rule.find(" 127.0.0.0/8 ") == std::string::npos && rule.find(text) != std::string::npos;
    });
  };
  return (holds(" -s ") || holds(" -d ")) &&
         std::none_of(owner.networks.begin(), owner.networks.end(),
                      [&](const base::IpNet& network) { return holds(fmt::format(" {} ", network)); });
}

/// The chain has its rules under one name and none under the other.
std::string changes_of(const IptablesPlace& place, const IptablesSaved& saved, const TrafficPlan& plan,
                       const std::vector<TrafficRule>& rules) {
  const std::string upstreams = place.chain, own = fmt::format("{}{}", place.chain, plan.owner.suffix);
  const bool is_shared = is_of_another(find_chain(saved, place.table, upstreams), plan.owner);
  const std::string& used = is_shared ? own : upstreams;
  std::string changes = changes_of(place, used, saved, lines_of(place, used, rules, plan));
  if (is_shared || own == upstreams) return changes;
  return fmt::format("{}{}", changes, changes_of(place, own, saved, std::vector<std::string>{}));
}

}  // namespace

IptablesSaved parse_iptables_save(std::string_view text) {
  IptablesSaved saved;
  std::string table;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with('*')) {
      table = line.substr(1);
    } else if (line.starts_with(':')) {
      const std::string_view chain = first_word(line.substr(1));
      if (!is_of_interest(table, chain) || line.size() < chain.size() + 2) continue;
      saved[table][std::string(chain)].policy = first_word(line.substr(chain.size() + 2));
    } else if (line.starts_with("-A ")) {
      const std::string_view chain = first_word(line.substr(3));
      if (is_of_interest(table, chain)) saved[table][std::string(chain)].rules.push_back(with_number(line));
    }
  }
  return saved;
}

std::string iptables_changes(const IptablesSaved& saved, const TrafficPlan& plan) {
  return fmt::format("{}{}{}{}{}", changes_of(kNatPlace, saved, plan, plan.nat),
                     changes_of(kSourcePlace, saved, plan, plan.sources),
                     changes_of(kTunnelInputPlace, saved, plan, plan.tunnel_input),
                     changes_of(kTunnelForwardPlace, saved, plan, plan.tunnel_forward),
                     iptables_forward_changes(saved, plan));
}

std::string iptables_forward_changes(const IptablesSaved& saved, const TrafficPlan& plan) {
  return changes_of(kForwardPlace, saved, plan, plan.forward);
}

}  // namespace flanneld
