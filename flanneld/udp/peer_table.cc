#include "flanneld/udp/peer_table.h"

#include <algorithm>

namespace flanneld {
namespace {

uint32_t number(const base::IpAddress& address) { return static_cast<uint32_t>(address.number().low); }

}  // namespace

PeerTable::PeerTable(const std::vector<UdpPeer>& peers, const base::IpNet& network,
                     const std::vector<base::IpNet>& sources) {
  const auto range = [](const base::IpNet& net, uint32_t node) {
    return Range{.first = number(net.network().address), .last = number(net.last()), .node = node};
  };
  network_ = range(network, 0);
  for (const UdpPeer& peer : peers) {
    subnets_.push_back(range(peer.subnet, number(peer.address)));
    nodes_.push_back(number(peer.address));
  }
  for (const base::IpNet& net : sources)
    if (net.address.is_v4()) sources_.push_back(range(net, 0));
  std::sort(subnets_.begin(), subnets_.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  std::sort(nodes_.begin(), nodes_.end());
}

const PeerTable::Range* PeerTable::find(const std::vector<Range>& ranges, uint32_t address) const {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), address,
                                      [](uint32_t wanted, const Range& one) { return wanted < one.first; });
  if (after == ranges.begin()) return nullptr;
  const Range& before = *std::prev(after);
  return address <= before.last ? &before : nullptr;
}

std::optional<uint32_t> PeerTable::find_node(uint32_t pod) const {
  const Range* subnet = find(subnets_, pod);
  return subnet ? std::optional(subnet->node) : std::nullopt;
}

PeerTable::Verdict PeerTable::judge(uint32_t sender, uint32_t source) const {
  if (std::any_of(sources_.begin(), sources_.end(),
                  [&](const Range& one) { return one.first <= sender && sender <= one.last; }))
    return Verdict::pass;
  if (const Range* subnet = find(subnets_, source); subnet && subnet->node == sender) return Verdict::pass;
  if (!std::binary_search(nodes_.begin(), nodes_.end(), sender)) return Verdict::stranger;
  const bool is_pods = network_.first <= source && source <= network_.last;
  return is_pods ? Verdict::forged : Verdict::pass;
}

}  // namespace flanneld
