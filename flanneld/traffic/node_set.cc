#include "flanneld/traffic/node_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/text.h"
#include "common/netfilter/nft_set.h"
#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {

using base::Family;

void NodeSet::want(const std::vector<base::IpAddress>& nodes) {
  wanted_.clear();
  for (const base::IpAddress& node : nodes) wanted_[node.family()].push_back(netfilter::nft_value(node));
  for (auto& [family, elements] : wanted_) {
    std::sort(elements.begin(), elements.end());
    elements.erase(std::unique(elements.begin(), elements.end()), elements.end());
  }
}

const NodeSet::Elements& NodeSet::wanted(Family family) const {
  static const Elements kNone;
  const auto found = wanted_.find(family);
  return found == wanted_.end() ? kNone : found->second;
}

void NodeSet::add_to(netfilter::NftTransaction& transaction, Family family) const {
  transaction.ensure_set(
      {.name = kNodeSet,
       .types = {family == Family::v4 ? netfilter::NftType::ipv4_addr : netfilter::NftType::ipv6_addr}});
  transaction.add_elements(kNodeSet, wanted(family));
}

bool NodeSet::update(netlink::NetlinkSocket& socket, Family family, const netfilter::NftTable& table) {
  const Elements& now = wanted(family);
  Elements& before = held_[family];
  Elements gone, added;
  std::set_difference(before.begin(), before.end(), now.begin(), now.end(), std::back_inserter(gone));
  std::set_difference(now.begin(), now.end(), before.begin(), before.end(), std::back_inserter(added));
  netfilter::NftTransaction transaction(table);
  transaction.delete_elements(kNodeSet, gone);
  transaction.add_elements(kNodeSet, added);
  if (!transaction.commit(socket,
                          fmt::format("update the nodes of nftables table {}", base::quoted(table.str()))))
    return false;
  before = now;
  return true;
}

bool NodeSet::is_intact(netlink::NetlinkSocket& socket, Family family,
                        const netfilter::NftTable& table) const {
  auto elements = netfilter::nft_elements(socket, table, kNodeSet);
  if (!elements) return false;
  std::sort(elements->begin(), elements->end());
  const auto held = held_.find(family);
  return held != held_.end() && *elements == held->second;
}

}  // namespace flanneld
