#include "cni-flannel/pod/host_end.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/cni/error.h"

namespace flannel {

netlink::Link find_host_end(netlink::NetlinkSocket& host, Container& container, const std::string& ifname,
                            const cni::Result& result) {
  const auto inside = netlink::find_link(container.socket, ifname);
  if (inside && inside->kind == "veth") {
    auto outside = netlink::find_link(host, inside->peer);
    const bool is_named =
        outside && std::any_of(result.interfaces.begin(), result.interfaces.end(), [&](const auto& one) {
          return one.sandbox.empty() && one.name == outside->name;
        });
    if (is_named && outside->kind == "veth" && outside->peer == inside->ifindex) return std::move(*outside);
  }
  throw cni::Error(
      cni::ErrorCode::conflict, "no veth peer of container interface found in host ns",
      fmt::format("interface '{}' in '{}'; prevResult has to name the other end, and this plugin "
                  "has to come behind one that makes veth pairs",
                  ifname, container.netns.path()));
}

}  // namespace flannel
