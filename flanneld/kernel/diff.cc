#include "flanneld/kernel/diff.h"

#include <algorithm>
#include <unordered_set>

namespace flanneld {
namespace {

using netlink::FdbEntry;
using netlink::Neighbour;
using netlink::Route;

/// Desired objects that the kernel has as they should be.
template <class Object>
using Present = std::unordered_set<const Object*>;

constexpr std::chrono::minutes kFreshHandshake(3);

class Diff {
 public:
  Diff(const DesiredState& desired, const NodePlan& plan, const ActualState& actual, const LinkIndexes& links,
       Look look)
      : desired_(desired), plan_(plan), actual_(actual), links_(links), look_(look) {}

  KernelWrites run() {
    compare_neighbours();
    compare_fdb();
    compare_tunnel_peers();
    compare_routes();
    compare_blackholes();
    return std::move(writes_);
  }

 private:
  /// Puts each desired object that is not present; those of absent links are counted.
  template <class Object, class Put>
  void put_missing(const ObjectSet<Object>& desired, const Present<Object>& present, Put&& put) {
    for (const auto& [object, published] : desired) {
      if (present.contains(object)) continue;
      if (const auto ifindex = links_.find(object->link))
        put(*object, *ifindex);
      else
        ++writes_.missing_links[object->link];
    }
  }

  void compare_neighbours() {
    Present<PlannedNeighbour> present;
    for (const Neighbour& actual : actual_.neighbours) {
      const std::string* link = links_.name_of(actual.ifindex);
      if (!actual.permanent || !link) continue;
      const auto* desired = desired_.neighbours().find({actual.address, *link});
      if (!desired)
        writes_.remove_neighbours.push_back(actual);
      else if (desired->mac == actual.mac)
        present.insert(desired);
    }
    put_missing(desired_.neighbours(), present, [&](const PlannedNeighbour& neighbour, int ifindex) {
      writes_.put_neighbours.push_back(kernel_neighbour(neighbour, ifindex));
    });
  }

  void compare_fdb() {
    Present<PlannedFdbEntry> present;
    std::map<const PlannedFdbEntry*, std::vector<const FdbEntry*>> wrong;
    for (const FdbEntry& actual : actual_.fdb) {
      const std::string* link = links_.name_of(actual.ifindex);
      if (!link) continue;
      const auto* desired = desired_.fdb().find({actual.mac.bytes, *link});
      if (desired && actual.permanent && actual.dst == desired->dst)
        present.insert(desired);
      else if (desired)
        wrong[desired].push_back(&actual);
      else if (actual.permanent)
        writes_.remove_fdb.push_back(actual);
    }
    // A put replaces only the first destination of a row that has several.
    for (const auto& [desired, rows] : wrong)
      for (size_t i = present.contains(desired) ? 0 : 1; i < rows.size(); ++i)
        writes_.remove_fdb.push_back(*rows[i]);
    put_missing(desired_.fdb(), present, [&](const PlannedFdbEntry& entry, int ifindex) {
      writes_.put_fdb.push_back(kernel_fdb_entry(entry, ifindex));
    });
  }

  void compare_tunnel_peers() {
    const TunnelSettings settings = tunnel_settings(plan_);
    Present<PlannedTunnelPeer> present;
    std::map<const PlannedTunnelPeer*, Endpoint> endpoints;
    for (const auto& [link, device] : actual_.wireguard)
      for (const netlink::WireguardPeer& actual : device.peers) {
        const auto* desired = desired_.tunnel_peers().find({actual.public_key, link});
        if (!desired) {
          if (!has_moved(link, actual.allowed, desired_))
            writes_.remove_tunnel_peers.push_back({link, {.public_key = actual.public_key, .remove = true}});
          continue;
        }
        const bool is_elsewhere = actual.endpoint != desired->endpoint && !knows_better(actual);
        endpoints[desired] = is_elsewhere ? Endpoint::set : Endpoint::leave;
        if (!is_elsewhere && !actual_.risen.contains(link) &&
            has_settings(actual, *desired, settings.at(link)))
          present.insert(desired);
      }
    put_missing(desired_.tunnel_peers(), present, [&](const PlannedTunnelPeer& peer, int /*ifindex*/) {
      const auto found = endpoints.find(&peer);
      writes_.put_tunnel_peers.push_back(
          kernel_peer(peer, settings, found == endpoints.end() ? Endpoint::set : found->second));
      if (actual_.risen.contains(peer.link)) writes_.put_tunnel_peers.back().change.greet = true;
    });
  }

  /// Whether the peer has been heard of where it is now. A tunnel that is used shakes hands every two
  /// minutes.
  [[nodiscard]] bool knows_better(const netlink::WireguardPeer& actual) const {
    if (!actual.endpoint || !actual.last_handshake) return false;
    return look_ == Look::later || actual_.now - *actual.last_handshake < kFreshHandshake;
  }

  void compare_routes() {
    Present<PlannedRoute> present;
    for (const Route& actual : actual_.routes) {
      const std::string* link = links_.name_of(actual.ifindex);
      if (actual.type != Route::Type::unicast || !link) continue;
      const PlannedRoute* desired = desired_.routes().find({actual.dst});
      if (desired && desired->link == *link && actual == kernel_route(*desired, actual.ifindex))
        present.insert(desired);
      else if (is_ours(actual, *link) && !is_replaced_by(desired, actual, *link))
        writes_.remove_routes.push_back(actual);
    }
    put_missing(desired_.routes(), present, [&](const PlannedRoute& route, int ifindex) {
      writes_.put_routes.push_back(kernel_route(route, ifindex));
    });
  }

  /// True for a route that may be removed where it is not as desired.
  [[nodiscard]] bool is_ours(const Route& actual, const std::string& link) const {
    if (actual.special) return false;
    const bool on_device = std::any_of(plan_.devices.begin(), plan_.devices.end(),
                                       [&](const auto& device) { return device.name == link; });
    if (actual.protocol == kRouteProtocol) return on_device || is_known(actual.dst);
    if (actual.protocol != netlink::kProtocolBoot) return false;
    return on_device ? is_known(actual.dst) : is_upstreams(actual);
  }

  /// True for what upstream's plain route to a peer's subnet looks like.
  [[nodiscard]] bool is_upstreams(const Route& actual) const {
    return plan_.has_plain_routes && actual.gw && lies_within(actual.dst, plan_.networks) &&
           std::any_of(plan_.own_subnets.begin(), plan_.own_subnets.end(), [&](const base::IpNet& own) {
             return own.prefix == actual.dst.prefix && own.address.family() == actual.dst.address.family();
           });
  }

  /// The kernel replaces a route that differs from the put one in its protocol alone.
  [[nodiscard]] static bool is_replaced_by(const PlannedRoute* desired, const Route& actual,
                                           const std::string& link) {
    if (!desired || desired->link != link) return false;
    Route with_our_protocol = actual;
    with_our_protocol.protocol = kRouteProtocol;
    return with_our_protocol == kernel_route(*desired, actual.ifindex);
  }

  void compare_blackholes() {
    std::vector<base::IpNet> present;
    for (const Route& actual : actual_.routes) {
      if (actual.type != Route::Type::blackhole) continue;
      const bool is_wanted =
          std::find(plan_.blackholes.begin(), plan_.blackholes.end(), actual.dst) != plan_.blackholes.end();
      if (is_wanted && actual == kernel_blackhole(actual.dst))
        present.push_back(actual.dst);
      else if (actual.protocol == kRouteProtocol && is_known(actual.dst))
        writes_.remove_routes.push_back(actual);
    }
    for (const base::IpNet& subnet : plan_.blackholes)
      if (std::find(present.begin(), present.end(), subnet) == present.end())
        writes_.put_routes.push_back(kernel_blackhole(subnet));
  }

  /// Within a network of the present configuration or of an earlier one. Others may be another agent's.
  [[nodiscard]] bool is_known(const base::IpNet& dst) const {
    return lies_within(dst, plan_.networks) || lies_within(dst, plan_.former);
  }

  const DesiredState& desired_;
  const NodePlan& plan_;
  const ActualState& actual_;
  const LinkIndexes& links_;
  Look look_;
  KernelWrites writes_;
};

/// Appends what the changes ask of the kernel. An object of an absent link cannot be put and need not be
/// removed.
template <class Change, class Object, class Kernel>
void add_changes(const std::vector<Change>& changes, const LinkIndexes& links,
                 Kernel (*convert)(const Object&, int ifindex), std::vector<Kernel>& put,
                 std::vector<Kernel>& remove, std::map<std::string, size_t>& missing_links) {
  for (const auto& [before, now] : changes) {
    const bool is_new = now && !(before && *before == *now);
    const auto ifindex = links.find((now ? now : before)->link);
    if (is_new && ifindex)
      put.push_back(convert(*now, *ifindex));
    else if (is_new)
      ++missing_links[now->link];
    else if (!now && ifindex)
      remove.push_back(convert(*before, *ifindex));
  }
}

/// A peer that has roamed stays where it is, unless its lease tells of another place than before.
void add_peer_changes(const DesiredChange& change, const DesiredState& now, const NodePlan& plan,
                      const LinkIndexes& links, KernelWrites& writes) {
  const TunnelSettings settings = tunnel_settings(plan);
  for (const auto& [old, peer] : change.tunnel_peers) {
    const bool has_link = links.find((peer ? peer : old)->link).has_value();
    if (!peer) {
      if (has_link && !has_moved(old->link, old->allowed, now))
        writes.remove_tunnel_peers.push_back({old->link, {.public_key = old->public_key, .remove = true}});
    } else if (!old || !(*old == *peer)) {
      const bool is_there = old && old->endpoint == peer->endpoint;
      if (has_link)
        writes.put_tunnel_peers.push_back(
            kernel_peer(*peer, settings, is_there ? Endpoint::leave : Endpoint::set));
      else
        ++writes.missing_links[peer->link];
    }
  }
}

}  // namespace

bool lies_within(const base::IpNet& dst, const std::vector<base::IpNet>& networks) {
  return std::any_of(networks.begin(), networks.end(), [&](const base::IpNet& network) {
    return dst.prefix >= network.prefix && network.contains(dst.address);
  });
}

Route kernel_route(const PlannedRoute& route, int ifindex) {
  Route result{route.dst, route.gw, ifindex, kRouteProtocol, route.onlink};
  if (!route.dst.address.is_v4()) result.priority = netlink::kIpv6Priority;
  return result;
}

Route kernel_blackhole(const base::IpNet& subnet) {
  return {subnet, std::nullopt, 0, kRouteProtocol, false, Route::Type::blackhole, kBlackholePriority};
}

Neighbour kernel_neighbour(const PlannedNeighbour& neighbour, int ifindex) {
  return {ifindex, neighbour.address, neighbour.mac};
}

FdbEntry kernel_fdb_entry(const PlannedFdbEntry& entry, int ifindex) {
  return {ifindex, entry.mac, entry.dst};
}

KernelWrites diff_kernel(const DesiredState& desired, const NodePlan& plan, const ActualState& actual,
                         const LinkIndexes& links, Look look) {
  return Diff(desired, plan, actual, links, look).run();
}

KernelWrites diff_desired(const DesiredChange& change, const DesiredState& now, const NodePlan& plan,
                          const LinkIndexes& links) {
  KernelWrites writes;
  add_peer_changes(change, now, plan, links, writes);
  add_changes(change.neighbours, links, kernel_neighbour, writes.put_neighbours, writes.remove_neighbours,
              writes.missing_links);
  add_changes(change.fdb, links, kernel_fdb_entry, writes.put_fdb, writes.remove_fdb, writes.missing_links);
  add_changes(change.routes, links, kernel_route, writes.put_routes, writes.remove_routes,
              writes.missing_links);
  return writes;
}

}  // namespace flanneld
