#include "flanneld/kernel/actual_state.h"

#include <iterator>
#include <set>

#include "flanneld/kernel/diff.h"

namespace flanneld {
namespace {

template <class Object>
void append(std::vector<Object>& all, std::vector<Object> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::set<base::Family> families_of(const NodePlan& plan) {
  std::set<base::Family> families;
  for (const auto* networks : {&plan.networks, &plan.former})
    for (const base::IpNet& network : *networks) families.insert(network.address.family());
  return families;
}

}  // namespace

ActualState read_actual_state(netlink::NetlinkSocket& socket, WireguardAccess& wireguard,
                              const NodePlan& plan, const LinkIndexes& links) {
  ActualState state;
  state.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  for (const Device& device : plan.devices) {
    const auto ifindex = links.find(device.name);
    if (!ifindex) continue;
    if (std::holds_alternative<WireguardDevice>(device.kind)) {  // it has neither neighbours nor an FDB
      if (auto its_state = wireguard.read(device.name)) state.wireguard[device.name] = std::move(*its_state);
      continue;
    }
    append(state.neighbours, netlink::neighbours_of(socket, *ifindex, device.network.address.family()));
    append(state.fdb, netlink::fdb_of(socket, *ifindex));
  }
  for (const base::Family family : families_of(plan)) {
    for (const std::string& link : plan.route_links)
      if (const auto ifindex = links.find(link))
        append(state.routes, netlink::routes_of(socket, *ifindex, family));
    append(state.routes, netlink::blackholes(socket, family));
  }
  return state;
}

std::vector<netlink::Route> read_stray_routes(netlink::NetlinkSocket& socket, const NodePlan& plan,
                                              const LinkIndexes& links) {
  std::vector<netlink::Route> stray;
  for (const base::Family family : families_of(plan))
    for (netlink::Route& route : netlink::main_routes(socket, family))
      if (route.protocol == kRouteProtocol && route.type == netlink::Route::Type::unicast && !route.special &&
          !links.name_of(route.ifindex) &&
          (lies_within(route.dst, plan.networks) || lies_within(route.dst, plan.former)))
        stray.push_back(std::move(route));
  return stray;
}

}  // namespace flanneld
