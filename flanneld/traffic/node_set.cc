#include "flanneld/traffic/node_set.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"
#include "common/netfilter/nft_set.h"
#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {

using base::Family;

void NodeSet::Elements::want(const std::string& value, size_t times) {
  const auto element = all.try_emplace(value).first;
  element->second.wanted = times;
  const bool is_wanted = times > 0, is_held = element->second.is_held;
  if (is_wanted == is_held)
    changed.erase(value);
  else
    changed.insert(value);
  if (!is_wanted && !is_held) all.erase(element);
}

void NodeSet::Elements::note_written() {
  std::erase_if(all, [](const auto& one) { return one.second.wanted == 0; });
  for (auto& [value, element] : all) element.is_held = true;
  changed.clear();
}

void NodeSet::want(const std::vector<base::IpAddress>& nodes) {
  std::map<Family, std::map<std::string, size_t>> wanted;
  for (const base::IpAddress& node : nodes) ++wanted[node.family()][netfilter::nft_value(node)];
  for (const Family family : base::kFamilies) {
    Elements& elements = families_[family];
    std::vector<std::string> gone;
    for (const auto& [value, element] : elements.all)
      if (!wanted[family].contains(value)) gone.push_back(value);
    for (const std::string& value : gone) elements.want(value, 0);
    for (const auto& [value, times] : wanted[family]) elements.want(value, times);
  }
}

void NodeSet::change(const NodeChange& nodes) {
  const auto add = [this](const base::IpAddress& node, size_t more, size_t less) {
    Elements& elements = families_[node.family()];
    const std::string value = netfilter::nft_value(node);
    const auto before = elements.all.find(value);
    const size_t times = (before == elements.all.end() ? 0 : before->second.wanted) + more;
    elements.want(value, times - std::min(times, less));
  };
  for (const base::IpAddress& node : nodes.come) add(node, 1, 0);
  for (const base::IpAddress& node : nodes.gone) add(node, 0, 1);
}

const NodeSet::Elements& NodeSet::of(Family family) const {
  static const Elements kNone;
  const auto found = families_.find(family);
  return found == families_.end() ? kNone : found->second;
}

void NodeSet::add_to(netfilter::NftTransaction& transaction, Family family) const {
  transaction.ensure_set(
      {.name = kNodeSet,
       .types = {family == Family::v4 ? netfilter::NftType::ipv4_addr : netfilter::NftType::ipv6_addr}});
  std::vector<std::string> wanted;
  for (const auto& [value, element] : of(family).all)
    if (element.wanted > 0) wanted.push_back(value);
  transaction.add_elements(kNodeSet, wanted);
}

void NodeSet::note_written(Family family) { families_[family].note_written(); }

bool NodeSet::update(netlink::NetlinkSocket& socket, Family family, const netfilter::NftTable& table) {
  Elements& elements = families_[family];
  std::vector<std::string> gone, come;
  for (const std::string& value : elements.changed)
    (elements.all.at(value).is_held ? gone : come).push_back(value);
  netfilter::NftTransaction transaction(table);
  transaction.delete_elements(kNodeSet, gone);
  transaction.add_elements(kNodeSet, come);
  if (!transaction.commit(socket,
                          fmt::format("update the nodes of nftables table {}", base::quoted(table.str()))))
    return false;
  for (const std::string& value : gone) elements.all.erase(value);
  for (const std::string& value : come) elements.all.at(value).is_held = true;
  elements.changed.clear();
  return true;
}

bool NodeSet::is_intact(netlink::NetlinkSocket& socket, Family family,
                        const netfilter::NftTable& table) const {
  const auto actual = netfilter::nft_elements(socket, table, kNodeSet);
  if (!actual) return false;
  const Elements& elements = of(family);
  const auto held = std::count_if(elements.all.begin(), elements.all.end(),
                                  [](const auto& one) { return one.second.is_held; });
  return static_cast<ptrdiff_t>(actual->size()) == held &&
         std::all_of(actual->begin(), actual->end(), [&](const std::string& value) {
           const auto found = elements.all.find(value);
           return found != elements.all.end() && found->second.is_held;
         });
}

}  // namespace flanneld
