#include "flanneld/probe/target.h"

#include <algorithm>

namespace flanneld {
namespace {

std::vector<base::IpAddress> addresses_of(const Lease& peer, const PeerPlan& plan) {
  std::vector<base::IpAddress> all{node_address(peer.attributes)};
  all.insert(all.end(), plan.senders.begin(), plan.senders.end());
  if (peer.attributes.public_ipv6) all.push_back(*peer.attributes.public_ipv6);
  return all;
}

}  // namespace

bool ProbeTarget::is_peer(const base::IpAddress& from) const {
  return subnet.contains(from) || std::find(node.begin(), node.end(), from) != node.end();
}

std::map<base::Family, ProbeTarget> make_probe_targets(const Lease& own, const Lease& peer,
                                                       const PeerPlan& plan, bool has_devices) {
  std::map<base::Family, ProbeTarget> targets;
  for (const PlannedRoute& route : plan.routes) {
    const base::Family family = route.dst.address.family();
    const auto& own_subnet = own.key.of(family);
    if (!own_subnet) continue;
    const base::IpAddress theirs = route.dst.network().address, ours = own_subnet->network().address;
    targets.try_emplace(family, ProbeTarget{.address = has_devices ? theirs : theirs.next(),
                                            .source = has_devices ? ours : ours.next(),
                                            .hop_limit = has_devices ? 0 : 1,
                                            .fallback = has_devices ? std::nullopt : route.gw,
                                            .subnet = route.dst.network(),
                                            .node = addresses_of(peer, plan),
                                            .link = route.link});
  }
  return targets;
}

}  // namespace flanneld
