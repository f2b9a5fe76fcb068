// Expressions that the nf_tables variant of iptables writes and reads where nft has others.
#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_conntrack.h>

#include <array>
#include <cstring>

#include "common/netfilter/nft_rule.h"
#include "common/netfilter/nft_rule_expression.h"

namespace netfilter {

NftRule& NftRule::iptables_connection_is_known() {
  constexpr uint32_t kRevision = 3;
  constexpr size_t kAlignment = 8;  // XT_ALIGN
  xt_conntrack_mtinfo3 match{};
  match.match_flags = XT_CONNTRACK_STATE;
  match.state_mask = XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED) | XT_CONNTRACK_STATE_BIT(IP_CT_RELATED);
  std::array<char, (sizeof match + kAlignment - 1) / kAlignment * kAlignment> padded{};
  std::memcpy(padded.data(), &match, sizeof match);
  return expression("match", [&] {
    expressions_.put_string(NFTA_MATCH_NAME, "conntrack")
        .put_be32(NFTA_MATCH_REV, kRevision)
        .put(NFTA_MATCH_INFO, padded.data(), padded.size());
  });
}

}  // namespace netfilter
