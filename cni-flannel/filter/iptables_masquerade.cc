#include "cni-flannel/filter/iptables_masquerade.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "common/base/hash.h"
#include "common/base/process.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

using base::Family;

constexpr size_t kChainLength = 28;  // XT_EXTENSION_MAXNAMELEN - 1

/// The full path of a program of the iptables family, or empty. The plugin's PATH may be anything.
std::string find_program(Family family, const std::string& action) {
  const std::string name = (family == Family::v4 ? "iptables-" : "ip6tables-") + action;
  for (const char* dir : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/usr/local/sbin/"})
    if (::access((dir + name).c_str(), X_OK) == 0) return dir + name;
  return {};
}

void restore(Family family, const std::string& rules) {
  base::ProcessSpec spec;
  spec.program = find_program(family, "restore");
  if (spec.program.empty())
    throw cni::Error(cni::ErrorCode::unsupported_field,
                     "'delegate.ipMasq' needs iptables-restore here, and this node has none",
                     "install iptables, or nftables support in the kernel");
  spec.arguments = {"--noflush", "--wait", "5"};
  spec.environment = base::environment_with({});
  spec.input = rules;
  if (base::run_process(spec).exit_code != 0)
    throw cni::Error(cni::ErrorCode::kernel_refused, "change iptables rules: iptables-restore refused them",
                     "it told stderr why; the rules were: " + rules);
}

/// The lines of `iptables-save -t nat`.
std::vector<std::string> saved_lines(Family family) {
  base::ProcessSpec spec;
  spec.program = find_program(family, "save");
  if (spec.program.empty()) return {};
  spec.arguments = {"-t", "nat"};
  spec.environment = base::environment_with({});
  spec.max_output_bytes = 64 << 20;
  const base::ProcessResult result = base::run_process(spec);
  if (result.exit_code != 0) return {};  // no nat table: a kernel without it has no rules either
  std::vector<std::string> lines;
  for (size_t at = 0; at < result.output.size();) {
    const size_t end = std::min(result.output.find('\n', at), result.output.size());
    lines.push_back(result.output.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// Removes the chains and what leads to them from the table that was saved as `lines`.
void remove_chains(Family family, const std::vector<std::string>& lines,
                   const std::set<std::string>& chains) {
  std::string jumps, declared;
  for (const std::string& line : lines) {
    if (line.starts_with("-A POSTROUTING ") && chains.contains(line.substr(line.rfind(' ') + 1)))
      jumps.append("-D").append(line, 2).append("\n");
    if (!line.starts_with(':')) continue;
    const std::string chain = line.substr(1, line.find(' ') - 1);
    if (chains.contains(chain))
      declared.append("-F ").append(chain).append("\n-X ").append(chain).append("\n");
  }
  if (!jumps.empty() || !declared.empty()) restore(family, "*nat\n" + jumps + declared + "COMMIT\n");
}

/// The container whose rule a line of iptables-save is; empty: of none in this network.
std::string container_of(const std::string& line, const std::string& network) {
  const std::string before = "--comment \"name: \\\"" + network + "\\\" id: \\\"";
  const size_t found = line.find(before);
  if (!line.starts_with("-A ") || found == std::string::npos) return {};
  const size_t start = found + before.size();
  const size_t end = line.find("\\\"", start);
  return end == std::string::npos ? std::string() : line.substr(start, end - start);
}

std::string rules_for(const std::string& chain, const std::string& comment, const base::IpNet& net) {
  const char* multicast = net.address.is_v4() ? "224.0.0.0/4" : "ff00::/8";
  const std::string match = " -m comment --comment \"" + comment + "\" ";
  return "-A " + chain + " -d " + net.network().str() + match + "-j ACCEPT\n" + "-A " + chain + " ! -d " +
         multicast + match + "-j MASQUERADE\n" + "-A POSTROUTING -s " + net.address.str() + match + "-j " +
         chain + "\n";
}

}  // namespace

std::string iptables_chain(const std::string& network, const std::string& container_id) {
  return fmt::format("CNI-{}", base::sha512_hex(network + container_id)).substr(0, kChainLength);
}

void add_iptables_masquerade(const std::string& network, const cni::Attachment& attachment,
                             const std::vector<base::IpNet>& addresses) {
  const std::string chain = iptables_chain(network, attachment.container_id);
  // As the reference writes it: Go-quoted name and id, themselves quoted for iptables-restore.
  const std::string comment = "name: \\\"" + network + "\\\" id: \\\"" + attachment.container_id + "\\\"";
  for (const Family family : base::kFamilies) {
    std::string rules = "*nat\n:" + chain + " - [0:0]\n";
    const size_t nothing = rules.size();
    for (const base::IpNet& net : addresses)
      if (net.address.family() == family) rules += rules_for(chain, comment, net);
    if (rules.size() > nothing) restore(family, rules.append("COMMIT\n"));
  }
}

void remove_iptables_masquerade(const std::string& network, const cni::Attachment& attachment) {
  const std::set<std::string> chain{iptables_chain(network, attachment.container_id)};
  for (const Family family : base::kFamilies) remove_chains(family, saved_lines(family), chain);
}

void collect_iptables_masquerade(const std::string& network, const std::vector<cni::Attachment>& valid) {
  std::set<std::string> keep;
  for (const cni::Attachment& attachment : valid) keep.insert(attachment.container_id);
  for (const Family family : base::kFamilies) {
    const std::vector<std::string> lines = saved_lines(family);
    std::set<std::string> dead;
    for (const std::string& line : lines) {
      const std::string container = container_of(line, network);
      if (!container.empty() && !keep.contains(container)) dead.insert(iptables_chain(network, container));
    }
    remove_chains(family, lines, dead);
  }
}

}  // namespace flannel
