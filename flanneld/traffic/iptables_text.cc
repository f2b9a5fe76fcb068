#include "flanneld/traffic/iptables_text.h"

#include <algorithm>

namespace flanneld {
namespace {

bool is_of_interest(std::string_view table, std::string_view chain) {
  return std::any_of(kIptablesPlaces.begin(), kIptablesPlaces.end(), [&](const IptablesPlace& place) {
    return table == place.table && (chain == place.chain || chain == place.built_in);
  });
}

std::string_view first_word(std::string_view text) { return text.substr(0, text.find(' ')); }

std::string address_text(const char* option, const AddressMatch& match) {
  return std::string(match.is_within ? " " : " ! ") + option + " " + match.net.str();
}

/// Upstream's order, which is also iptables-save's: source, destination, interface, protocol, matches,
/// target.
std::string rule_line(const IptablesPlace& place, const TrafficRule& rule, bool fully_random) {
  std::string line = std::string("-A ") + place.chain;
  if (rule.source) line += address_text("-s", *rule.source);
  if (rule.destination) line += address_text("-d", *rule.destination);
  if (!rule.input_link.empty()) line += " -i " + rule.input_link;
  if (rule.udp_port != 0) line += " -p udp -m udp --dport " + std::to_string(rule.udp_port);
  if (rule.kube_mark) line += " -m mark --mark 0x4000/0x4000";
  line += std::string(" -m comment --comment \"") + place.comment + "\" -j ";
  switch (rule.action) {
    case TrafficAction::return_:
      return line + "RETURN";
    case TrafficAction::accept:
      return line + "ACCEPT";
    case TrafficAction::masquerade:
      return line + "MASQUERADE" + (fully_random ? " --random-fully" : "");
    case TrafficAction::drop:
      return line + "DROP";
  }
  return line;
}

std::string jump_line(const IptablesPlace& place) {
  return std::string("-A ") + place.built_in + " -m comment --comment \"" + place.comment + "\" -j " +
         place.chain;
}

std::vector<std::string> lines_of(const IptablesPlace& place, const std::vector<TrafficRule>& rules,
                                  bool fully_random) {
  std::vector<std::string> lines;
  lines.reserve(rules.size());
  for (const TrafficRule& rule : rules) lines.push_back(rule_line(place, rule, fully_random));
  return lines;
}

/// The rules of the built-in chain that lead to ours, whatever else they say.
std::vector<std::string> jumps_to(const IptablesPlace& place, const IptablesChain* built_in) {
  std::vector<std::string> jumps;
  if (!built_in) return jumps;
  const std::string target = std::string(" -j ") + place.chain;
  for (const std::string& rule : built_in->rules)
    if (rule.ends_with(target)) jumps.push_back(rule);
  return jumps;
}

const IptablesChain* find_chain(const IptablesSaved& saved, const char* table, const char* chain) {
  const auto found_table = saved.find(table);
  if (found_table == saved.end()) return nullptr;
  const auto found = found_table->second.find(chain);
  return found == found_table->second.end() ? nullptr : &found->second;
}

/// The part of one table; empty when it is as wanted.
std::string changes_of(const IptablesPlace& place, const IptablesSaved& saved,
                       const std::vector<std::string>& wanted) {
  const IptablesChain* there = find_chain(saved, place.table, place.chain);
  const auto jumps = jumps_to(place, find_chain(saved, place.table, place.built_in));
  std::string body;
  const std::vector<std::string> one_jump{jump_line(place)};
  const bool keep_jump = !wanted.empty() && jumps == one_jump;
  // A chain that is declared is emptied first; the whole is one change.
  if (!wanted.empty() && (!there || there->rules != wanted)) {
    body += std::string(":") + place.chain + " - [0:0]\n";
    for (const std::string& line : wanted) body += line + "\n";
  }
  if (!keep_jump) {
    for (const std::string& jump : jumps) body.append("-D").append(jump, 2).append("\n");
    if (!wanted.empty()) body += one_jump.front() + "\n";
  }
  if (wanted.empty() && there) body += std::string("-F ") + place.chain + "\n-X " + place.chain + "\n";
  return body.empty() ? body : std::string("*") + place.table + "\n" + body + "COMMIT\n";
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
      if (is_of_interest(table, chain)) saved[table][std::string(chain)].rules.emplace_back(line);
    }
  }
  return saved;
}

std::string iptables_changes(const IptablesSaved& saved, const TrafficPlan* plan) {
  const auto changes = [&](const IptablesPlace& place, const std::vector<TrafficRule> TrafficPlan::*rules) {
    return changes_of(place, saved,
                      plan ? lines_of(place, plan->*rules, plan->fully_random) : std::vector<std::string>{});
  };
  return changes(kNatPlace, &TrafficPlan::nat) + changes(kTunnelInputPlace, &TrafficPlan::tunnel_input) +
         changes(kTunnelForwardPlace, &TrafficPlan::tunnel_forward) + iptables_forward_changes(saved, plan);
}

std::string iptables_forward_changes(const IptablesSaved& saved, const TrafficPlan* plan) {
  return changes_of(kForwardPlace, saved,
                    plan ? lines_of(kForwardPlace, plan->forward, false) : std::vector<std::string>{});
}

}  // namespace flanneld
