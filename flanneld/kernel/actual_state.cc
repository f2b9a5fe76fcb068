#include "flanneld/kernel/actual_state.h"

#include <iterator>
#include <set>

namespace flanneld {
namespace {

template <class Object>
void append(std::vector<Object>& all, std::vector<Object> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

ActualState read_actual_state(netlink::NetlinkSocket& socket, const NodePlan& plan,
                              const LinkIndexes& links) {
  ActualState state;
  for (const Device& device : plan.devices) {
    const auto ifindex = links.find(device.name);
    if (!ifindex) continue;
    append(state.neighbours, netlink::neighbours_of(socket, *ifindex, device.network.address.family()));
    append(state.fdb, netlink::fdb_of(socket, *ifindex));
  }
  std::set<base::Family> families;
  for (const base::IpNet& network : plan.networks) families.insert(network.address.family());
  for (const base::Family family : families) {
    for (const std::string& link : plan.route_links)
      if (const auto ifindex = links.find(link))
        append(state.routes, netlink::routes_of(socket, *ifindex, family));
    append(state.routes, netlink::blackholes(socket, family));
  }
  return state;
}

}  // namespace flanneld
