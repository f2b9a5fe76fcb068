#include "cni-flannel/hostport/iptables_leftovers.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>

#include "common/base/hash.h"
#include "common/base/process.h"
#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/netfilter/iptables.h"
#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_transaction.h"

namespace flannel::hostport {
namespace {

using base::Family;
using netfilter::IptablesVariant;

constexpr size_t kChainLength = 28;  // XT_EXTENSION_MAXNAMELEN - 1
/// The chain that jumps to those of the containers, and how their names begin; versions before 0.7 had two.
struct Entrance {
  const char* chain;
  const char* prefix;
};
constexpr Entrance kEntrances[] = {{"CNI-HOSTPORT-DNAT", "CNI-DN-"}, {"CNI-HOSTPORT-SNAT", "CNI-SN-"}};

/// Whether a container's chain is to go, by its name and by the text of the rule that jumps to it.
using IsStale = std::function<bool(std::string_view chain, std::string_view entry)>;

std::string chain_name(const char* prefix, const std::string& network, const std::string& container_id) {
  const std::string hash = base::sha512_hex(fmt::format("{}{}", network, container_id));
  return fmt::format("{}{}", prefix, hash).substr(0, kChainLength);
}

/// The container that a rule's comment names, `dnat name: "cbr0" id: "…"`; empty if it is of another network.
std::string container_of(std::string_view entry, const std::string& network) {
  std::string text(entry);
  std::erase(text, '\\');  // as iptables-save quotes it
  const std::string before = fmt::format("name: \"{}\" id: \"", network);
  const size_t found = text.find(before);
  if (found == std::string::npos) return {};
  const std::string rest = text.substr(found + before.size());
  const size_t end = rest.find('"');
  return end == std::string::npos ? std::string() : rest.substr(0, end);
}

void remove_from_nftables(netlink::NetlinkSocket& nft, Family family, const IsStale& is_stale) {
  const netfilter::NftTable table{
      .family = family == Family::v4 ? netfilter::NftFamily::ip : netfilter::NftFamily::ip6, .name = "nat"};
  for (const Entrance& entrance : kEntrances) {
    netfilter::NftTransaction transaction(table);
    std::set<std::string> chains;
    for (const netfilter::NftRuleInfo& rule : netfilter::nft_rules(nft, table, entrance.chain)) {
      if (!rule.target.starts_with(entrance.prefix) || !is_stale(rule.target, rule.expressions)) continue;
      transaction.delete_rule(entrance.chain, rule.handle);
      chains.insert(rule.target);
    }
    for (const std::string& chain : chains) {
      transaction.flush_chain(chain);
      transaction.delete_chain(chain);
    }
    transaction.commit(nft, "remove the reference's rules that lead ports of the node to a pod");
  }
}

/// What iptables-restore is told to remove of what iptables-save printed; empty: nothing.
std::string removal(std::string_view saved, const IsStale& is_stale) {
  std::string jumps;
  std::set<std::string> chains;
  for (const std::string_view line : base::split(saved, '\n'))
    for (const Entrance& entrance : kEntrances) {
      const std::string_view target = line.substr(line.rfind(' ') + 1);
      if (!line.starts_with(fmt::format("-A {} ", entrance.chain)) || !target.starts_with(entrance.prefix) ||
          !is_stale(target, line))
        continue;
      fmt::format_to(std::back_inserter(jumps), "-D{}\n", line.substr(2));
      chains.emplace(target);
    }
  if (jumps.empty()) return {};
  std::string emptied;
  for (const std::string& chain : chains)
    fmt::format_to(std::back_inserter(emptied), "-F {0}\n-X {0}\n", chain);
  return fmt::format("*nat\n{}{}COMMIT\n", jumps, emptied);
}

void remove_from_legacy(Family family, const IsStale& is_stale) {
  if (!netfilter::has_legacy_table(family, "nat")) return;
  const auto save = netfilter::iptables_save(family, IptablesVariant::legacy, "nat");
  if (!save) return;
  const base::ProcessResult saved = base::run_process(*save);
  const std::string rules = saved.exit_code == 0 ? removal(saved.output, is_stale) : std::string();
  if (rules.empty()) return;
  const auto restore = netfilter::iptables_restore(family, IptablesVariant::legacy, rules);
  if (restore && base::run_process(*restore).exit_code != 0)
    throw cni::Error(cni::ErrorCode::kernel_refused,
                     "remove the reference's rules that lead ports to a pod: iptables-restore refused it",
                     fmt::format("it told stderr why; it was told: {}", rules));
}

void remove_all(std::optional<netlink::NetlinkSocket>& nft, const IsStale& is_stale) {
  for (const Family family : base::kFamilies) {
    if (nft) remove_from_nftables(*nft, family, is_stale);
    remove_from_legacy(family, is_stale);
  }
}

}  // namespace

void remove_iptables_rules(std::optional<netlink::NetlinkSocket>& nft, const std::string& network,
                           const std::string& container_id) {
  remove_all(nft, [&](std::string_view chain, std::string_view /*entry*/) {
    return std::any_of(std::begin(kEntrances), std::end(kEntrances), [&](const Entrance& entrance) {
      return chain == chain_name(entrance.prefix, network, container_id);
    });
  });
}

void collect_iptables_rules(std::optional<netlink::NetlinkSocket>& nft, const std::string& network,
                            const std::vector<cni::Attachment>& valid) {
  remove_all(nft, [&](std::string_view /*chain*/, std::string_view entry) {
    const std::string container = container_of(entry, network);
    return !container.empty() && std::none_of(valid.begin(), valid.end(), [&](const cni::Attachment& one) {
      return one.container_id == container;
    });
  });
}

}  // namespace flannel::hostport
