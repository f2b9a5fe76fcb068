#include "flanneld/kernel/diff.h"

#include <algorithm>
#include <unordered_set>

namespace flanneld {
namespace {

using netlink::FdbEntry;
using netlink::Neighbour;
using netlink::Route;

class Diff {
 public:
  Diff(const WantedState& wanted, const NodePlan& plan, const KernelState& kernel, const LinkIndexes& links)
      : wanted_(wanted), plan_(plan), kernel_(kernel), links_(links) {}

  KernelWrites run() {
    compare_neighbours();
    compare_fdb();
    compare_routes();
    compare_blackholes();
    return std::move(writes_);
  }

 private:
  /// Puts each wanted object that is not in `present`; those of absent links are counted.
  template <class Claims, class Put>
  void put_missing(const Claims& claims, const std::unordered_set<const void*>& present, Put&& put) {
    claims.for_each([&](const auto& object) {
      if (present.contains(&object)) return;
      if (const auto ifindex = links_.find(object.link))
        put(object, *ifindex);
      else
        ++writes_.missing_links[object.link];
    });
  }

  void compare_neighbours() {
    std::unordered_set<const void*> present;
    for (const Neighbour& actual : kernel_.neighbours) {
      const std::string* link = links_.name_of(actual.ifindex);
      if (!actual.permanent || !link) continue;
      const auto* wanted = wanted_.neighbours().find({*link, actual.address});
      if (!wanted)
        writes_.remove_neighbours.push_back(actual);
      else if (wanted->mac == actual.mac)
        present.insert(wanted);
    }
    put_missing(wanted_.neighbours(), present, [&](const PlannedNeighbour& neighbour, int ifindex) {
      writes_.put_neighbours.push_back(kernel_neighbour(neighbour, ifindex));
    });
  }

  void compare_fdb() {
    std::unordered_set<const void*> present;
    std::map<const PlannedFdbEntry*, std::vector<const FdbEntry*>> wrong;
    for (const FdbEntry& actual : kernel_.fdb) {
      const std::string* link = links_.name_of(actual.ifindex);
      if (!link) continue;
      const auto* wanted = wanted_.fdb().find({*link, actual.mac.bytes});
      if (wanted && actual.permanent && actual.dst == wanted->dst)
        present.insert(wanted);
      else if (wanted)
        wrong[wanted].push_back(&actual);
      else if (actual.permanent)
        writes_.remove_fdb.push_back(actual);
    }
    // Of a row with several destinations a put replaces the first one, and only that.
    for (const auto& [wanted, rows] : wrong)
      for (size_t i = present.contains(wanted) ? 0 : 1; i < rows.size(); ++i)
        writes_.remove_fdb.push_back(*rows[i]);
    put_missing(wanted_.fdb(), present, [&](const PlannedFdbEntry& entry, int ifindex) {
      writes_.put_fdb.push_back(kernel_fdb_entry(entry, ifindex));
    });
  }

  void compare_routes() {
    std::unordered_set<const void*> present;
    for (const Route& actual : kernel_.routes) {
      const std::string* link = links_.name_of(actual.ifindex);
      if (actual.type != Route::Type::unicast || !link) continue;
      const PlannedRoute* wanted = wanted_.routes().find(actual.dst);
      if (wanted && wanted->link == *link && actual == kernel_route(*wanted, actual.ifindex))
        present.insert(wanted);
      else
        sweep(actual, *link, wanted);
    }
    put_missing(wanted_.routes(), present, [&](const PlannedRoute& route, int ifindex) {
      writes_.put_routes.push_back(kernel_route(route, ifindex));
    });
  }

  /// Removes a route that is not as wanted if it is ours to remove.
  void sweep(const Route& actual, const std::string& link, const PlannedRoute* wanted) {
    const bool own_device = std::any_of(plan_.devices.begin(), plan_.devices.end(),
                                        [&](const auto& device) { return device.name == link; });
    const bool ours = actual.protocol == kRouteProtocol;
    if (!ours && !(own_device && actual.protocol == netlink::kProtocolBoot)) return;
    if (actual.special || !within_networks(actual.dst)) return;
    // The put has replaced what differs in the protocol alone, and the kernel looks at no more than this.
    if (wanted) {
      Route same = actual;
      if (wanted->link == link &&
          (same.protocol = kRouteProtocol, same == kernel_route(*wanted, same.ifindex)))
        return;
    }
    writes_.remove_routes.push_back(actual);
  }

  void compare_blackholes() {
    std::vector<base::IpNet> present;
    for (const Route& actual : kernel_.routes) {
      if (actual.type != Route::Type::blackhole) continue;
      const bool is_wanted =
          std::find(plan_.blackholes.begin(), plan_.blackholes.end(), actual.dst) != plan_.blackholes.end();
      if (is_wanted && actual == kernel_blackhole(actual.dst))
        present.push_back(actual.dst);
      else if (actual.protocol == kRouteProtocol && within_networks(actual.dst))
        writes_.remove_routes.push_back(actual);
    }
    for (const base::IpNet& subnet : plan_.blackholes)
      if (std::find(present.begin(), present.end(), subnet) == present.end())
        writes_.put_routes.push_back(kernel_blackhole(subnet));
  }

  [[nodiscard]] bool within_networks(const base::IpNet& dst) const {
    return std::any_of(plan_.networks.begin(), plan_.networks.end(), [&](const base::IpNet& network) {
      return dst.prefix >= network.prefix && network.contains(dst.address);
    });
  }

  const WantedState& wanted_;
  const NodePlan& plan_;
  const KernelState& kernel_;
  const LinkIndexes& links_;
  KernelWrites writes_;
};

/// Sorts changes of one kind. One identity, one object: a put takes away what was there before.
template <class Planned, class Kernel, class Convert>
void sort_changes(const std::vector<WantedChange<Planned>>& changes, const LinkIndexes& links,
                  const Convert& convert, std::vector<Kernel>& put, std::vector<Kernel>& remove,
                  std::map<std::string, size_t>& missing_links) {
  for (const auto& [before, after] : changes) {
    const Planned& object = after ? *after : *before;
    if (const auto ifindex = links.find(object.link))
      (after ? put : remove).push_back(convert(object, *ifindex));
    else if (after)
      ++missing_links[object.link];
  }
}

}  // namespace

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

KernelWrites diff_kernel(const WantedState& wanted, const NodePlan& plan, const KernelState& kernel,
                         const LinkIndexes& links) {
  return Diff(wanted, plan, kernel, links).run();
}

KernelWrites writes_for(const WantedState::Changes& changes, const LinkIndexes& links) {
  KernelWrites writes;
  sort_changes(changes.neighbours, links, kernel_neighbour, writes.put_neighbours, writes.remove_neighbours,
               writes.missing_links);
  sort_changes(changes.fdb, links, kernel_fdb_entry, writes.put_fdb, writes.remove_fdb, writes.missing_links);
  sort_changes(changes.routes, links, kernel_route, writes.put_routes, writes.remove_routes,
               writes.missing_links);
  return writes;
}

}  // namespace flanneld
