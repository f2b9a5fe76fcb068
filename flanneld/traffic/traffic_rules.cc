#include "flanneld/traffic/traffic_rules.h"

#include <fmt/format.h>
#include <linux/netlink.h>

#include "common/base/error.h"
#include "flanneld/traffic/flannel_table.h"
#include "flanneld/traffic/iptables_nft.h"
#include "flanneld/traffic/iptables_programs.h"
#include "flanneld/traffic/iptables_rules.h"
#include "flanneld/traffic/nftables_rules.h"

namespace flanneld {
namespace {

using base::Family;

/// Runs `remove` and notes `what` if that removed something, or why it could not.
template <class Remove>
void note(std::vector<Removal>& removals, const std::string& what, Remove&& remove) {
  try {
    if (remove()) removals.push_back({.what = what, .failure = {}});
  } catch (const base::SystemError& error) {
    removals.push_back({.what = what, .failure = error.what()});
  }
}

void remove_family(Family family, const RuleOwner& owner, std::vector<Removal>& removals) {
  const std::string name = iptables_name(family);
  try {
    auto socket = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
    note(removals, fmt::format("nftables table '{}'", flannel_table(family, owner.suffix).str()),
         [&] { return remove_flannel_table(socket, family, owner.suffix); });
    note(removals, fmt::format("nftables table '{}'", flannel_table(family).str()), [&] {
      return choose_suffix(socket, family, owner).empty() && remove_flannel_table(socket, family, {});
    });
    for (const IptablesPlace& place : kIptablesPlaces)
      note(removals, fmt::format("{} chain '{}' and the jump to it", name, place.chain),
           [&] { return remove_iptables_nft_chains(socket, family, place, owner); });
  } catch (const base::SystemError&) {
    // A kernel without nf_tables.
  }
  if (has_legacy_tables(family))
    note(removals, fmt::format("flannel's chains of {}-legacy and the jumps to them", name),
         [&] { return remove_iptables_rules(family, IptablesVariant::legacy, owner); });
}

}  // namespace

std::unique_ptr<TrafficRules> make_traffic_rules(EventLoop& loop, TrafficEngine engine,
                                                 std::chrono::seconds resync, std::function<void()> changed) {
  switch (engine) {
    case TrafficEngine::nftables:
      return std::make_unique<NftablesRules>(loop, std::move(changed));
    case TrafficEngine::iptables:
      break;
  }
  return std::make_unique<IptablesRules>(loop, resync, std::move(changed));
}

std::vector<Removal> remove_traffic_rules(const RuleOwner& owner) {
  std::vector<Removal> removals;
  for (const Family family : base::kFamilies) remove_family(family, owner, removals);
  return removals;
}

}  // namespace flanneld
