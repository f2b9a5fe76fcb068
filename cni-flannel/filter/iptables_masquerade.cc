#include "cni-flannel/filter/iptables_masquerade.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "common/base/hash.h"
#include "common/base/process.h"
#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/netfilter/iptables.h"

namespace flannel {
namespace {

using base::Family;
using netfilter::IptablesVariant;

constexpr size_t kChainLength = 28;  // XT_EXTENSION_MAXNAMELEN - 1

void restore(Family family, const std::string& rules) {
  const auto call = netfilter::iptables_restore(family, IptablesVariant::usual, rules);
  if (!call)
    throw cni::Error(cni::ErrorCode::unsupported_field,
                     "'delegate.ipMasq' needs iptables-restore here, and this node has none",
                     "install iptables, or nftables support in the kernel");
  if (base::run_process(*call).exit_code != 0)
    throw cni::Error(cni::ErrorCode::kernel_refused, "change iptables rules: iptables-restore refused them",
                     fmt::format("it told stderr why; the rules were: {}", rules));
}

/// What iptables-save prints of table nat. Empty if the node has no iptables, or the kernel no such table.
std::string saved_nat(Family family) {
  const auto call = netfilter::iptables_save(family, IptablesVariant::usual, "nat");
  if (!call) return {};
  base::ProcessResult result = base::run_process(*call);
  return result.exit_code == 0 ? std::move(result.output) : std::string();
}

std::string_view last_word(std::string_view line) { return line.substr(line.rfind(' ') + 1); }

/// The chain that a line declares; empty if it declares none.
std::string_view declared_chain(std::string_view line) {
  return line.starts_with(':') ? line.substr(1, line.find(' ') - 1) : std::string_view();
}

bool is_jump(std::string_view line) { return line.starts_with("-A POSTROUTING "); }

/// Removes the chains and the jumps to them from the table that was `saved`.
void remove_chains(Family family, std::string_view saved, const std::set<std::string, std::less<>>& chains) {
  std::string jumps, declared;
  for (const std::string_view line : base::split(saved, '\n')) {
    if (is_jump(line) && chains.contains(last_word(line)))
      fmt::format_to(std::back_inserter(jumps), "-D{}\n", line.substr(2));
    if (const auto chain = declared_chain(line); chains.contains(chain))
      fmt::format_to(std::back_inserter(declared), "-F {0}\n-X {0}\n", chain);
  }
  if (!jumps.empty() || !declared.empty())
    restore(family, fmt::format("*nat\n{}{}COMMIT\n", jumps, declared));
}

/// As the reference writes it: Go-quoted name and id, themselves quoted for iptables-restore.
std::string comment_start(const std::string& network) {
  return fmt::format(R"(name: \"{}\" id: \")", network);
}

std::string comment_of(const std::string& network, const std::string& container_id) {
  return fmt::format(R"({}{}\")", comment_start(network), container_id);
}

/// The container whose rule a line is; empty if it is of none in this network.
std::string_view container_of(std::string_view line, const std::string& network) {
  const std::string before = fmt::format("--comment \"{}", comment_start(network));
  const size_t found = line.find(before);
  if (!line.starts_with("-A ") || found == std::string_view::npos) return {};
  const std::string_view rest = line.substr(found + before.size());
  const size_t end = rest.find("\\\"");
  return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

std::string lines_for(const std::string& chain, const std::string& comment, const MasqueradeRule& rule) {
  const std::string quoted = fmt::format("-m comment --comment \"{}\"", comment);
  std::string lines;
  for (const base::IpNet& network : rule.unchanged)
    fmt::format_to(std::back_inserter(lines), "-A {} -d {} {} -j ACCEPT\n", chain, network, quoted);
  return fmt::format(
      "{lines}-A {chain} ! -d {multicast} {comment} -j MASQUERADE\n"
      "-A POSTROUTING -s {source} {comment} -j {chain}\n",
      fmt::arg("lines", lines), fmt::arg("chain", chain), fmt::arg("source", rule.source),
      fmt::arg("multicast", base::multicast(rule.source.family())), fmt::arg("comment", quoted));
}

}  // namespace

std::string iptables_chain(const std::string& network, const std::string& container_id) {
  const std::string hash = base::sha512_hex(fmt::format("{}{}", network, container_id));
  return fmt::format("CNI-{}", hash).substr(0, kChainLength);
}

void add_iptables_masquerade(const std::string& network, const cni::Attachment& attachment,
                             const std::vector<MasqueradeRule>& rules) {
  const std::string chain = iptables_chain(network, attachment.container_id);
  const std::string comment = comment_of(network, attachment.container_id);
  for (const Family family : base::kFamilies) {
    std::string lines;
    for (const MasqueradeRule& rule : rules)
      if (rule.source.family() == family) lines += lines_for(chain, comment, rule);
    if (!lines.empty()) restore(family, fmt::format("*nat\n:{} - [0:0]\n{}COMMIT\n", chain, lines));
  }
}

void remove_iptables_masquerade(const std::string& network, const cni::Attachment& attachment) {
  for (const Family family : base::kFamilies)
    remove_chains(family, saved_nat(family), {iptables_chain(network, attachment.container_id)});
}

bool has_iptables_masquerade(const std::string& network, const cni::Attachment& attachment,
                             const std::vector<base::IpNet>& addresses) {
  const std::string chain = iptables_chain(network, attachment.container_id);
  std::string saved[2];
  return std::all_of(addresses.begin(), addresses.end(), [&](const base::IpNet& net) {
    std::string& text = saved[net.address.is_v4() ? 0 : 1];
    if (text.empty()) text = saved_nat(net.address.family());
    const std::string start = fmt::format("-A POSTROUTING -s {}/{} ", net.address, net.address.bits());
    const auto lines = base::split(text, '\n');
    return std::any_of(lines.begin(), lines.end(), [&](std::string_view line) {
      return line.starts_with(start) && last_word(line) == chain;
    });
  });
}

void collect_iptables_masquerade(const std::string& network, const std::vector<cni::Attachment>& valid) {
  std::set<std::string, std::less<>> keep;
  for (const cni::Attachment& attachment : valid) keep.insert(attachment.container_id);
  for (const Family family : base::kFamilies) {
    const std::string saved = saved_nat(family);
    std::set<std::string, std::less<>> dead;
    for (const std::string_view line : base::split(saved, '\n')) {
      const std::string_view container = container_of(line, network);
      if (!container.empty() && !keep.contains(container))
        dead.insert(iptables_chain(network, std::string(container)));
    }
    remove_chains(family, saved, dead);
  }
}

}  // namespace flannel
