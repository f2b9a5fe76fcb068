#include "common/guard/routed.h"

#include <array>
#include <cerrno>

#include "common/base/ip.h"
#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_transaction.h"
#include "common/netlink/error.h"

namespace guard {
namespace {

using netfilter::NftRule;

constexpr const char* kChain = "prerouting";
constexpr int32_t kPriority = -300;  // NF_IP_PRI_RAW: before the connection is remembered

std::array<NftRule, 3> rules() {
  return {NftRule().input_group_is(kRoutedGroup, false).accept(),
          // Node and pod know each other's addresses: neither looks for them. A pod with ever new ones would
          // fill the node's table of neighbours.
          NftRule().source(base::link_local(base::Family::v6), true).drop(),
          NftRule().source_is_routed_elsewhere().drop()};
}

}  // namespace

netfilter::NftTable routed_table() {
  return {.family = netfilter::NftFamily::inet, .name = "flannel-routed-pods"};
}

bool has_routed_rules(netlink::NetlinkSocket& nft) {
  return nft_rules(nft, routed_table(), kChain).size() == rules().size();
}

bool ensure_routed_rules(netlink::NetlinkSocket& nft) {
  if (has_routed_rules(nft)) return true;
  netfilter::NftTransaction transaction(routed_table());
  transaction.ensure_table("what comes in from pods without a bridge; made by flannel");
  transaction.ensure_base_chain(
      kChain, {.type = "filter", .point = netfilter::NftHookPoint::prerouting, .priority = kPriority});
  transaction.flush_chain(kChain);
  for (const NftRule& rule : rules()) transaction.add_rule(kChain, rule);
  try {
    return transaction.commit(nft, "guard pods without a bridge");
  } catch (const netlink::NetlinkError& error) {
    if (error.error_number() != EOPNOTSUPP && error.error_number() != EAFNOSUPPORT) throw;
    return false;
  }
}

}  // namespace guard
