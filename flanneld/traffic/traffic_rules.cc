#include "flanneld/traffic/traffic_rules.h"

#include <linux/netlink.h>

#include "common/base/error.h"
#include "flanneld/traffic/iptables_nft.h"
#include "flanneld/traffic/iptables_rules.h"
#include "flanneld/traffic/nftables_rules.h"

namespace flanneld {
namespace {

using base::Family;

/// Runs `remove`, and notes `what` when that removed something, or why it could not.
template <class Remove>
void note(std::vector<std::string>& notes, const std::string& what, Remove&& remove) {
  try {
    if (remove()) notes.push_back("removed " + what);
  } catch (const base::SystemError& error) {
    notes.push_back("could not remove " + what + ": " + error.what());
  }
}

void remove_family(Family family, std::vector<std::string>& notes) {
  const std::string name = iptables_name(family);
  try {
    auto socket = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
    note(notes, "nftables table '" + flannel_table(family).str() + "'",
         [&] { return remove_flannel_table(socket, family); });
    for (const IptablesPlace& place : kIptablesPlaces)
      note(notes, name + " chain '" + place.chain + "' and the jump to it",
           [&] { return remove_iptables_nft_chain(socket, family, place); });
  } catch (const base::SystemError&) {
    // A kernel without nf_tables.
  }
  if (has_legacy_tables(family))
    note(notes, "flannel's chains of " + name + "-legacy and the jumps to them",
         [&] { return remove_iptables_rules(family, IptablesVariant::legacy); });
}

}  // namespace

std::unique_ptr<TrafficRules> make_traffic_rules(EventLoop& loop, bool nftables, std::chrono::seconds resync,
                                                 std::function<void()> changed) {
  if (nftables) return std::make_unique<NftablesRules>(loop, std::move(changed));
  return std::make_unique<IptablesRules>(loop, resync, std::move(changed));
}

std::vector<std::string> remove_traffic_rules() {
  std::vector<std::string> notes;
  for (const Family family : base::kFamilies) remove_family(family, notes);
  return notes;
}

}  // namespace flanneld
