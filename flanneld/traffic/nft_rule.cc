#include "flanneld/traffic/nft_rule.h"

#include <netinet/in.h>

namespace flanneld {

using netfilter::NftFamily;
using netfilter::NftRule;
using netfilter::NftTable;

NftFamily nft_family(base::Family family) {
  return family == base::Family::v4 ? NftFamily::ip : NftFamily::ip6;
}

NftTable iptables_nft_table(base::Family family, const char* name) {
  return {.family = nft_family(family), .name = name};
}

netfilter::NftField source_field(base::Family family) {
  return family == base::Family::v4 ? netfilter::NftField::source_v4 : netfilter::NftField::source_v6;
}

NftRule make_nft_rule(const TrafficRule& rule, base::Family family, NftRuleOptions options) {
  NftRule result(nft_family(family));
  if (rule.kube_mark) result.mark_is(kKubeMasqueradeMark, kKubeMasqueradeMark);
  if (rule.source) result.source(rule.source->net, rule.source->is_within);
  if (rule.destination) result.destination(rule.destination->net, rule.destination->is_within);
  if (!rule.input_link.empty()) result.input_interface_is(rule.input_link, rule.is_by_input_link);
  if (rule.udp_port != 0) result.udp_port_is(rule.udp_port);
  if (rule.is_ipip) result.transport_is(IPPROTO_IPIP);
  if (rule.by_server) result.udp_source_below(kFirstUserPort);
  if (rule.by_node) result.in_set(kNodeSet, {source_field(family)});
  const bool ends = rule.action == TrafficAction::drop || rule.action == TrafficAction::masquerade;
  if (options.until && ends) result.before(*options.until);
  if (options.counted) result.counter();
  switch (rule.action) {
    case TrafficAction::return_:
      return result.return_();
    case TrafficAction::accept:
      return result.accept();
    case TrafficAction::masquerade:
      return result.masquerade(options.fully_random);
    case TrafficAction::drop:
      return result.drop();
  }
  return result;
}

}  // namespace flanneld
