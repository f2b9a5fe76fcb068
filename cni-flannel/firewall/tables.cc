#include "cni-flannel/firewall/tables.h"

#include <cerrno>

#include "cni-flannel/firewall/legacy_filter.h"
#include "cni-flannel/firewall/nft_filter.h"
#include "common/cni/error.h"
#include "common/netfilter/iptables.h"
#include "common/netfilter/nft_query.h"
#include "common/netlink/error.h"

namespace flannel::firewall {

using netfilter::IptablesVariant;

FilterTables open_tables(std::optional<netlink::NetlinkSocket>& nft, base::Family family) {
  FilterTables tables;
  const bool is_legacy = netfilter::has_legacy_table(family, "filter") &&
                         netfilter::has_iptables(family, IptablesVariant::legacy);
  const bool has_nft = netfilter::has_nf_tables(nft);
  if (has_nft && (!is_legacy || has_nft_filter(*nft, family)))
    tables.push_back(open_nft_filter(*nft, family));
  if (is_legacy || !has_nft)
    tables.push_back(
        open_legacy_filter(family, is_legacy ? IptablesVariant::legacy : IptablesVariant::usual));
  return tables;
}

void require_tables(std::optional<netlink::NetlinkSocket>& nft) {
  if (netfilter::has_nf_tables(nft)) return;
  for (const base::Family family : base::kFamilies)
    if (netfilter::has_iptables(family, IptablesVariant::usual)) return;  // nobody knows which one pods have
  throw cni::Error(cni::ErrorCode::not_available,
                   "rules of pods need nf_tables or iptables, and this node has neither",
                   "load the module nf_tables, or install iptables");
}

void change(FilterTable& table, const std::function<void(FilterTable&)>& plan) {
  constexpr int kMaxTries = 20;
  for (int tries = 0; tries < kMaxTries; ++tries) {
    table.read();
    plan(table);
    if (table.commit()) return;
  }
  throw netlink::NetlinkError(EAGAIN, "change the rules of table filter",
                              "others changed nf_tables each time while it was read");
}

}  // namespace flannel::firewall
